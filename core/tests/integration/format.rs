//! Directories that earlier versions have written open, and go on where they were.

use std::fs;
use std::path::Path;

use facetbox::{FacetOptions, Result, Runtime, Value, WorkerCode};

use crate::support::{copy_tree, host_class};

/// Made by `cargo run -p platform -- core/tests/fixtures/format-1 first`, without its lock.
const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1");
/// Made in the same way by a process that was killed when it closed the runtime; the zeros at the end of the log are cut
/// off, and the databases are left out, which the log brings back.
const FORMAT_2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-2");
/// Made like that of format 2.
const FORMAT_3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-3");

#[test]
fn a_directory_of_format_1_goes_on_counting() -> Result<()> {
    goes_on_counting(FORMAT_1)
}

#[test]
fn a_directory_of_format_2_goes_on_counting_from_its_log() -> Result<()> {
    goes_on_counting(FORMAT_2)
}

#[test]
fn a_directory_of_format_3_goes_on_counting_from_its_log() -> Result<()> {
    goes_on_counting(FORMAT_3)
}

fn goes_on_counting(fixture: &str) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    copy_tree(Path::new(fixture), directory.path());
    let runtime = Runtime::open(directory.path())?;
    assert!(runtime.verify()?.problems.is_empty());
    // The supervisor's own data is the code that its facet runs.
    let class = host_class(|ctx, _method, _args| {
        let code = ctx.storage().kv().get("code")?.unwrap_or_default();
        let code = code.as_str().expect("the fixture stores the app's code").to_owned();
        let loader = ctx.loader();
        let app = ctx.facets().get("app", move || {
            let worker = loader.load(WorkerCode::luau(code))?;
            Ok(FacetOptions::new(worker.get_durable_object_class("App", Default::default())))
        })?;
        let response = app.fetch_blocking(facetbox::Request::get("http://app/")?)?;
        Ok(Value::String(response.body_text()))
    });
    let stub = runtime.namespace("AppRunner", class)?.get_by_name("my-app");
    let answer = stub.call_blocking("visit", vec![])?;
    assert_eq!(answer, "You've made 4 requests.\n".into());
    runtime.close();
    assert_eq!(fs::read_to_string(directory.path().join("FORMAT")).unwrap(), "facetbox 3\n");
    assert!(!directory.path().join("commit.log").exists());
    Ok(())
}
