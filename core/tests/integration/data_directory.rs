//! One runtime per data directory, and only on directories that are ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use facetbox::{Durability, ErrorCode, Options, Result, Runtime, Stub};
use tempfile::TempDir;

use crate::support::{assert_fails, counter, serve, visit};

#[test]
fn a_directory_in_use_names_the_process_until_it_is_closed() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(directory.path())?;
    let pid = format!("process {}.", std::process::id());
    assert_fails(Runtime::open(directory.path()), ErrorCode::InUse, &pid);
    runtime.close();
    Runtime::open(directory.path()).map(drop)
}

#[cfg(unix)]
#[test]
fn a_link_to_a_directory_in_use_is_in_use() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link");
    let _runtime = Runtime::open(directory.path().join("data"))?;
    std::os::unix::fs::symlink(directory.path().join("data"), &link).unwrap();
    assert_fails(Runtime::open(&link), ErrorCode::InUse, "in use");
    Ok(())
}

#[test]
fn dropping_the_last_clone_of_a_runtime_frees_the_directory() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(directory.path())?;
    let clone = runtime.clone();
    let stub = serve(&runtime, counter())?;
    drop(runtime);
    assert_eq!(visit(&stub)?, "You've made 1 requests.\n");
    drop(clone);
    assert_fails(visit(&stub), ErrorCode::Closed, "closed");
    Runtime::open(directory.path()).map(drop)
}

#[test]
fn a_directory_that_cannot_be_made_is_a_storage_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("data");
    let name = below.display().to_string();
    assert_fails(Runtime::open(below), ErrorCode::Storage, &name);
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.txt"), "mine").unwrap();
    assert_fails(Runtime::open(directory.path()), ErrorCode::Corrupt, "thesis.txt");
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn a_directory_of_another_version_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FORMAT"), "facetbox 999\n").unwrap();
    assert_fails(Runtime::open(directory.path()), ErrorCode::Corrupt, "facetbox 999");
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn a_database_that_is_not_ours_fails_its_object_only_and_stays_as_it_is() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(directory.path())?;
    visit(&serve(&runtime, counter())?)?;
    runtime.close();
    let databases = files(&directory.path().join("objects"));
    assert!(!databases.is_empty());
    databases.iter().for_each(|path| fs::write(path, "no database at all").unwrap());

    let runtime = Runtime::open(directory.path())?;
    let stub = serve(&runtime, counter())?;
    assert_fails(visit(&stub), ErrorCode::Corrupt, "");
    let other = runtime.get_namespace("Forwarder")?.get_by_name("another");
    assert_eq!(visit(&other)?, "You've made 1 requests.\n");
    runtime.close();
    for path in databases {
        assert_eq!(fs::read_to_string(path).unwrap(), "no database at all");
    }
    Ok(())
}

#[test]
fn names_of_the_host_and_guest_never_become_paths() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(directory.path().join("data"))?;
    let class = crate::support::host_class(|ctx, _method, _args| {
        let app = crate::support::facet(ctx, "../../escape", &counter())?;
        ctx.storage().kv().put("../../escape", &1.into())?;
        app.call_blocking("count", vec![])
    });
    let namespace = runtime.namespace("../escape", class)?;
    namespace.get_by_name("../../escape").call_blocking("go", vec![])?;
    runtime.close();
    let named = |path: &PathBuf| path.to_string_lossy().contains("escape");
    assert!(!files(directory.path()).iter().any(named));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    Ok(())
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// A runtime with an object that has data, in the directory `data` of another, which `change` has done something to.
fn lost(durability: Durability, change: impl FnOnce(&Path)) -> (TempDir, Runtime, Stub) {
    let directory = tempfile::tempdir().unwrap();
    let path = Some(directory.path().join("data"));
    let runtime = Runtime::open_with(Options { path, durability, ..Options::default() }).unwrap();
    let stub = serve(&runtime, counter()).unwrap();
    assert_eq!(visit(&stub).unwrap(), "You've made 1 requests.\n");
    change(&directory.path().join("data"));
    std::thread::sleep(Duration::from_millis(40));
    (directory, runtime, stub)
}

const MODES: [Durability; 3] = [Durability::Full, Durability::Relaxed, Durability::None];

#[cfg(unix)]
#[test]
fn nothing_is_acknowledged_once_the_directory_was_removed() -> Result<()> {
    for durability in MODES {
        let (directory, runtime, stub) = lost(durability, |data| fs::remove_dir_all(data).unwrap());
        assert_fails(visit(&stub), ErrorCode::Storage, "was removed");
        let objects = runtime.get_namespace("Forwarder")?;
        assert_fails(visit(&objects.get_by_name("one")), ErrorCode::Storage, "was removed");
        assert_fails(visit(&objects.get_by_name("other")), ErrorCode::Storage, "was removed");
        runtime.close();
        assert_eq!(files(directory.path()), Vec::<PathBuf>::new(), "{durability:?}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_runtime_leaves_what_came_into_the_place_of_its_directory_alone() -> Result<()> {
    for durability in MODES {
        let (directory, runtime, stub) = lost(durability, |data| fs::remove_dir_all(data).unwrap());
        let path = Some(directory.path().join("data"));
        let options = Options { path, durability, ..Options::default() };
        let second = Runtime::open_with(options.clone())?;
        let other = serve(&second, counter())?;
        assert_eq!(visit(&other)?, "You've made 1 requests.\n");
        let before = files(directory.path());
        assert_fails(visit(&stub), ErrorCode::Storage, "was removed");
        runtime.close();
        assert_eq!(files(directory.path()), before, "{durability:?}");
        assert_eq!(visit(&other)?, "You've made 2 requests.\n");
        second.close();
        let third = Runtime::open_with(options)?;
        assert_eq!(visit(&serve(&third, counter())?)?, "You've made 3 requests.\n");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn what_was_acknowledged_before_a_directory_was_moved_is_at_its_new_place() -> Result<()> {
    for durability in MODES {
        let moved = |data: &Path| fs::rename(data, data.with_file_name("moved")).unwrap();
        let (directory, runtime, stub) = lost(durability, moved);
        assert_fails(visit(&stub), ErrorCode::Storage, "was removed, moved or replaced");
        runtime.close();
        assert!(!directory.path().join("data").exists());
        let runtime = Runtime::open(directory.path().join("moved"))?;
        assert_eq!(visit(&serve(&runtime, counter())?)?, "You've made 2 requests.\n");
    }
    Ok(())
}
