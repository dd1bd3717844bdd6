//! Attacks by a host program that need a process of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn attacks(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/attacks").join(file)
}

fn conformance() -> Command {
    Command::new(env!("CARGO_BIN_EXE_conformance"))
}

/// Runs cases on threads with a small stack; a crash fails the case.
fn passes_on_stack(kib: u32, guest: &str, file: &str, filter: &str) {
    let output = conformance()
        .args(["--stack", &kib.to_string(), "--guest", guest, "--filter", filter])
        .arg(attacks(file))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let passed = text.lines().last().unwrap_or_default();
    assert!(output.status.success() && !passed.starts_with("0 passed"), "{kib} KiB: {text}");
}

#[test]
fn l038_l040_luau_nests_and_recurses_on_small_stacks() {
    for kib in [256, 512] {
        passes_on_stack(kib, "luau", "luau.json", "attack-luau-stack");
        passes_on_stack(kib, "luau", "luau.json", "attack-luau-load-deep");
        passes_on_stack(kib, "luau", "values.json", "attack-values-deep");
    }
}

#[test]
fn j015_javascript_recurses_on_small_stacks() {
    for kib in [256, 512] {
        passes_on_stack(kib, "js", "js.json", "attack-js-stack");
    }
}

/// Runs one case in this directory, without the runner's own directory around it.
fn run_in(directory: &Path, name: &str, file: &Path) -> Output {
    let mut command = conformance();
    command.args(["--only", name]).arg(file).current_dir(directory);
    for (variable, value) in [
        ("SECRET_TOKEN", "do-not-show"),
        ("SQLITE_TMPDIR", "/nonexistent"),
        ("LUA_INIT", "error('LUA_INIT ran')"),
        ("LUA_PATH", "./?.luau"),
        ("NODE_OPTIONS", "--require ./init.js"),
        ("LUAU_PATH", "."),
    ] {
        command.env(variable, value);
    }
    command.output().unwrap()
}

#[cfg(unix)]
#[test]
fn l048_nothing_of_the_current_directory_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let names =
        [".luaurc", ".config.luau", "init.luau", "util.luau", "util.lua", "util", "main.luau"];
    for name in names {
        // Opening a pipe that nobody writes to never returns, which the case's time limit would tell.
        let made = Command::new("mkfifo").arg(directory.path().join(name)).status().unwrap();
        assert!(made.success());
    }
    let case = directory.path().join("case.json");
    fs::write(&case, r#"[{"name": "bait", "area": "attack", "checked": "spec",
        "luau": "local App = DurableObject:extend('App')\nfunction App:attack()\n local found = {}\n for _, name in { './util', 'util', './init', '@self/util', '../util', './main.lua', './.luaurc' } do\n if pcall(require, name) then table.insert(found, name) end\n end\n return found\nend\nreturn { App = App }",
        "steps": [{"call": "attack", "returns": []}]}]"#).unwrap();
    let output = run_in(directory.path(), "bait", &case);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn f026_variables_of_the_environment_have_no_effect() {
    let directory = tempfile::tempdir().unwrap();
    let case = directory.path().join("case.json");
    fs::write(&case, r#"[{"name": "variables", "area": "attack", "checked": "spec", "env": {"GIVEN": "yes"},
        "luau": "local App = DurableObject:extend('App')\nfunction App:attack()\n local names = {}\n for name in self.env do table.insert(names, name) end\n return { names, os.getenv == nil, (pcall(function() return self.env.SECRET_TOKEN.x end)) }\nend\nfunction App:sort() return self.ctx.storage.sql:exec('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 20000) SELECT count(*) AS n FROM (SELECT x, randomblob(200) AS r FROM c ORDER BY r)'):one().n end\nreturn { App = App }",
        "steps": [{"call": "attack", "returns": [["GIVEN"], true, false]}, {"call": "sort", "returns": 20000}]}]"#).unwrap();
    let output = run_in(directory.path(), "variables", &case);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.is_empty(), "{text}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// What the compiler says to the core's root alone; its dependencies are missing either way.
fn compile_with(panic: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/lib.rs");
    let output = Command::new("rustc")
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-o", "/dev/null"])
        .args(["-C", &format!("panic={panic}")])
        .arg(root)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn f002_a_program_that_aborts_on_panic_does_not_compile() {
    let refusal = "facetbox needs panic = \"unwind\"";
    assert!(compile_with("abort").contains(refusal));
    assert!(!compile_with("unwind").contains(refusal));
}

/// `docs/host-attacks.md` names a test for each attack and host; each is where it says.
#[test]
fn every_attack_by_a_host_has_the_test_that_the_table_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = fs::read_to_string(root.join("docs/host-attacks.md")).unwrap();
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [ids, _, _, tests] = cells[..] else { panic!("{line}") };
        if ids == "Attack" {
            continue;
        }
        rows += 1;
        for test in tests.trim_matches('`').split("`, `") {
            let (file, name) = test.split_once(": ").unwrap_or_else(|| panic!("{test}"));
            let text = fs::read_to_string(root.join(file))
                .unwrap_or_else(|error| panic!("{file}: {error}"));
            // In other languages tests have titles, which are texts.
            let definition = match file.rsplit('.').next() {
                Some("rs") => format!("fn {name}("),
                Some("py") => format!("def {name}("),
                Some("go") => format!("func {name}("),
                _ => name.to_owned(),
            };
            assert!(text.contains(&definition), "{ids}: {file} has no {definition:?}");
        }
    }
    assert!(rows >= 40, "{rows} rows");
}
