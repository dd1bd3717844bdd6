//! Crashes, power cuts and failing disks: the short form of `make crash`.
//!
//! Each test runs a part of the program `crash`, which prints what it survived and the seed that repeats it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use facetbox::{Class, Ctx, DurableObject, Error, ErrorCode, Result, Runtime, Stub, Value};

const CRASH: &str = env!("CARGO_BIN_EXE_crash");

fn survives(words: &[&str]) {
    assert_success(&Command::new(CRASH).args(words).output().unwrap());
}

fn assert_success(output: &Output) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    print!("{out}");
    assert!(output.status.success(), "{}: {err}", output.status);
}

#[test]
fn kills_lose_nothing() {
    survives(&["kills", "40", "1"]);
}

#[test]
fn power_cuts_lose_nothing() {
    survives(&["cuts", "4", "1"]);
}

#[test]
fn power_cuts_corrupt_nothing_in_mode_relaxed() {
    survives(&["relaxed", "2", "1"]);
}

#[test]
fn failing_calls_lose_nothing() {
    survives(&["faults", "3", "1"]);
}

/// Needs a file system that is small: one in memory, in a mount namespace that ends with the process. Where none can be
/// mounted, the failing calls above are what is left: each write fails as on a full disk, too.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]);
        command.arg(dir.path()).arg(CRASH).output()
    };
    let mount = "mount -t tmpfs -o size=4m none \"$1\"";
    match namespace(mount) {
        Ok(output) if output.status.success() => {
            assert_success(&namespace(&format!("{mount}; exec \"$2\" full \"$1\"")).unwrap());
        }
        // Past the test runner, which hides what tests print.
        refused => {
            let skipped =
                "a_full_disk_loses_nothing is SKIPPED: no test may mount a file system here";
            writeln!(std::io::stderr(), "{skipped}: {refused:?}").unwrap();
        }
    }
}

/// Stores what it is told, itself or in a facet of the same class.
struct Store(Ctx);

impl Store {
    fn facet(&self) -> Result<Stub> {
        self.0.facets().get("facet", || Ok(class()))
    }

    /// Makes the facet in a transaction that is rolled back.
    fn undo(&self) -> Result<Value> {
        let undone = self.0.storage().transaction_sync(|| {
            self.facet()?.call_blocking("put", vec![1.into()])?;
            Err::<(), _>(Error::guest("Undo", ""))
        });
        assert!(undone.is_err());
        Ok(self.0.facets().exists("facet")?.into())
    }
}

fn class() -> Class {
    Class::host("Store", |ctx, _env| Ok(Store(ctx)))
}

impl DurableObject for Store {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let kv = self.0.storage().kv();
        match method {
            "put" => kv.put("value", &args[0]).map(|()| Value::Null),
            "undo" => self.undo(),
            "put below" => self.facet()?.call_blocking("put", args),
            "get below" => self.facet()?.call_blocking("get", args),
            _ => Ok(kv.get("value")?.unwrap_or_default()),
        }
    }
}

fn store(directory: &Path) -> Result<(Runtime, Stub)> {
    let runtime = Runtime::open(directory)?;
    let stores = runtime.namespace("Store", class())?;
    let store = stores.get_by_name("it");
    Ok((runtime, store))
}

#[test]
fn a_data_directory_that_cannot_be_made_is_an_error_of_storage() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    for path in [file.clone(), file.join("data")] {
        let error = Runtime::open(&path).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Storage, "{error}");
        assert!(error.message().contains("data directory"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[test]
fn an_object_whose_directory_cannot_be_made_answers_an_error_until_it_can() {
    let root = tempfile::tempdir().unwrap();
    let (runtime, it) = store(root.path()).unwrap();
    std::fs::write(root.path().join("objects"), "in the way").unwrap();
    let error = it.call_blocking("put", vec![1.into()]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Storage, "{error}");
    runtime.close();

    std::fs::remove_file(root.path().join("objects")).unwrap();
    let (_runtime, it) = store(root.path()).unwrap();
    assert_eq!(it.call_blocking("get", vec![]).unwrap(), Value::Null);
    it.call_blocking("put", vec![2.into()]).unwrap();
    assert_eq!(it.call_blocking("get", vec![]).unwrap(), Value::from(2));
}

#[test]
fn a_process_that_died_while_it_made_the_directory_leaves_one_that_opens() {
    for left in [&["LOCK"][..], &["LOCK", "LOCK.format"]] {
        let root = tempfile::tempdir().unwrap();
        left.iter().for_each(|name| std::fs::write(root.path().join(name), "").unwrap());
        let (_runtime, it) = store(root.path()).unwrap();
        it.call_blocking("put", vec![1.into()]).unwrap();
        assert!(root.path().join("FORMAT").exists());
    }
}

/// A facet that went on running without an entry lost what it acknowledged when its parent opened next.
#[test]
fn a_facet_whose_creation_is_rolled_back_is_made_anew_by_its_next_use() {
    let root = tempfile::tempdir().unwrap();
    let (runtime, it) = store(root.path()).unwrap();
    assert_eq!(it.call_blocking("undo", vec![]).unwrap(), Value::from(false));
    it.call_blocking("put below", vec![2.into()]).unwrap();
    runtime.close();

    let (_runtime, it) = store(root.path()).unwrap();
    assert_eq!(it.call_blocking("get below", vec![]).unwrap(), Value::from(2));
}
