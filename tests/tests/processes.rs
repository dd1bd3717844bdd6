//! Data directories between processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use facetbox::{ErrorCode, Runtime};

/// Starts a process that holds the directory open until it is killed.
fn holder(directory: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hold"))
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "open\n");
    child
}

#[test]
fn a_directory_that_another_process_holds_names_it_until_it_dies() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = holder(directory.path());
    let error = Runtime::open(directory.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InUse);
    assert!(error.message().contains(&format!("process {}.", child.id())), "{error}");

    child.kill().unwrap();
    child.wait().unwrap();
    let runtime = Runtime::open(directory.path()).expect("the lock died with its holder");
    drop(runtime);
    let mut next = holder(directory.path());
    drop(next.stdin.take());
    assert!(next.wait().unwrap().success());
}
