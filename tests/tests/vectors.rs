//! The committed vectors and the list of pending ones fit together, and the runner tells good from bad.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use facetbox_tests::{Pending, read_cases};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn run(text: &str) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_conformance")).arg(file.path()).output().unwrap()
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn every_pending_case_exists() {
    let read = |directory: PathBuf| read_cases(&directory).unwrap();
    let cases = [read(vectors()), read(vectors().join("attacks"))].concat();
    let names: BTreeSet<&str> = cases.iter().map(|(_, case)| case.name.as_str()).collect();
    let text = std::fs::read_to_string(vectors().join("pending.txt")).unwrap();
    let pending = Pending::parse(&text).unwrap();
    let unknown: Vec<&str> = pending.names().filter(|name| !names.contains(name)).collect();
    assert!(unknown.is_empty(), "pending.txt names no such case: {unknown:?}");
}

#[test]
fn the_runner_counts_and_its_status_tells_failure() {
    let code = r#"
        "luau": "local App = DurableObject:extend('App')\nfunction App:one() return 1 end\nreturn { App = App }",
        "area": "rpc", "checked": "spec""#;
    let case = |name: &str, returns: i32| {
        format!(
            r#"{{"name": "{name}", {code}, "steps": [{{"call": "one", "returns": {returns}}}]}}"#
        )
    };
    let other = r#"{"name": "c", "js": "", "area": "rpc", "checked": "spec", "steps": []}"#;

    let good = run(&format!("[{}, {other}]", case("a", 1)));
    assert_eq!((good.status.code(), last_line(&good).as_str()), (Some(0), "1 passed, 0 failed"));
    let text = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(text.contains("skipped, no luau code: c\n"), "{text}");

    let bad = run(&format!("[{}, {}]", case("a", 1), case("b", 2)));
    assert_eq!((bad.status.code(), last_line(&bad).as_str()), (Some(1), "1 passed, 1 failed"));
    let text = String::from_utf8_lossy(&bad.stdout).into_owned();
    assert!(text.contains("expected: value 2") && text.contains("got:      value 1"), "{text}");
}

#[test]
fn a_file_that_is_not_in_the_format_stops_the_run() {
    for text in ["[{}]", "nonsense", "[]"] {
        assert_eq!(run(text).status.code(), Some(2), "{text}");
    }
}
