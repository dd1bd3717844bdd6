//! What must hold after every case, whatever it did.

use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{Error, Runtime, TailReceiver};

/// What of the host's inside no error may show: its source files, its libraries.
const HOST_WORDS: [&str; 5] = [".rs:", "mlua", "rquickjs", "rusqlite", "/data/objects"];

/// Threads and descriptors of this process before a case; nothing where the system doesn't tell.
pub struct Baseline([usize; 2]);

impl Baseline {
    /// Counts what there is now.
    pub fn take() -> Baseline {
        Baseline(["/proc/self/task", "/proc/self/fd"].map(entries))
    }

    /// Says what is left over. A joined thread stays listed for a moment.
    pub fn check(&self) -> Result<(), String> {
        let begin = Instant::now();
        loop {
            let Baseline(now) = Baseline::take();
            if now[0] <= self.0[0] && now[1] <= self.0[1] {
                return Ok(());
            }
            if begin.elapsed() > Duration::from_secs(2) {
                return Err(format!(
                    "threads and descriptors were {:?} before the case and are {now:?} after the close",
                    self.0
                ));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

/// Looks for a data directory's path in what leaves the sandbox.
#[derive(Clone)]
pub struct PathWatch {
    path: String,
    /// Whether a tail event showed it.
    told: Arc<AtomicBool>,
}

impl PathWatch {
    /// Watches for this path.
    pub fn new(path: &Path) -> PathWatch {
        PathWatch { path: path.to_string_lossy().into_owned(), told: Arc::default() }
    }

    /// A receiver that looks at every tail event.
    pub fn receiver(&self) -> TailReceiver {
        let watch = self.clone();
        TailReceiver::new(move |event| {
            if format!("{event:?}").contains(&watch.path) {
                watch.told.store(true, Ordering::Release);
            }
        })
    }

    /// Refuses a result that shows the path.
    pub fn check_result(&self, result: &impl Debug) -> Result<(), String> {
        match format!("{result:?}").contains(&self.path) {
            true => Err("the result shows the path of the data directory".into()),
            false => Ok(()),
        }
    }

    /// Refuses an error that shows the path, a source file or library of the host, or an address.
    pub fn check_error(&self, error: &Error) -> Result<(), String> {
        let text = format!("{}\n{}", error.message(), error.stack().unwrap_or_default());
        let shown = HOST_WORDS.into_iter().chain([self.path.as_str()]).find(|w| text.contains(w));
        match shown.or_else(|| address(&text)) {
            Some(shown) => Err(format!("the error shows {shown:?}: {error:?}")),
            None => Ok(()),
        }
    }

    /// Refuses tail events that showed the path.
    pub fn check_tails(&self) -> Result<(), String> {
        match self.told.load(Ordering::Acquire) {
            true => Err("a tail event shows the path of the data directory".into()),
            false => Ok(()),
        }
    }
}

/// The first number in a text that is written like a pointer.
fn address(text: &str) -> Option<&str> {
    text.match_indices("0x").find_map(|(start, _)| {
        let rest = &text[start + 2..];
        let length = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        (length >= 8).then(|| &text[start..start + 2 + length])
    })
}

/// Checks the files of a data directory that no runtime has open: their names are those that the library
/// makes, and every database is whole.
pub fn check_directory(data: &Path) -> Result<(), String> {
    check_names(data, "")?;
    let report = Runtime::open(data).and_then(|runtime| {
        let report = runtime.verify();
        runtime.close();
        report
    });
    match report {
        Ok(report) if report.problems.is_empty() => Ok(()),
        Ok(report) => Err(format!("verify found {:?}", report.problems)),
        Err(error) => Err(format!("the directory can't be verified: {error:?}")),
    }
}

fn check_names(directory: &Path, above: &str) -> Result<(), String> {
    let read = fs::read_dir(directory).map_err(|error| error.to_string())?;
    for entry in read {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = format!("{above}/{}", entry.file_name().to_string_lossy());
        if !is_ours(&path) {
            return Err(format!("the data directory contains {path:?}"));
        }
        if entry.path().is_dir() {
            check_names(&entry.path(), &path)?;
        }
    }
    Ok(())
}

/// Whether docs/storage-format.md knows a path below the data directory.
fn is_ours(path: &str) -> bool {
    const DATABASES: [&str; 3] = ["data.sqlite", "data.sqlite-wal", "data.sqlite-journal"];
    let hex = |text: &str, length| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [name] => {
            matches!(*name, "FORMAT" | "LOCK" | "commit.log" | "objects" | "tmp")
                || name.starts_with("alarms.sqlite")
        }
        ["objects", namespace] => hex(namespace, 16),
        ["objects", _, shard] => hex(shard, 2),
        ["objects", _, _, object] => hex(object, 62),
        ["objects", _, _, _, .., last] => DATABASES.contains(last) || last.parse::<u32>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_library_never_makes_are_told() {
        let object = format!("/objects/{}/ab/{}", "0".repeat(16), "f".repeat(62));
        for good in ["/FORMAT", "/objects", &object, &format!("{object}/3/12/data.sqlite-wal")] {
            assert!(is_ours(good), "{good}");
        }
        for bad in ["/escape", "/tmp/x", "/objects/../x", &format!("{object}/app"), "/objects/A"] {
            assert!(!is_ours(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_and_paths_are_found() {
        let watch = PathWatch::new(Path::new("/var/lib/box"));
        let check = |text: &str| watch.check_error(&Error::guest("Error", text));
        for bad in ["at /var/lib/box/x", "table: 0x000055fdaf7beb60", "core/src/value.rs:12"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check("0xff is 255").is_ok());
    }
}
