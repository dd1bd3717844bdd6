//! Files that are not what they should be, and places where nothing may be written.

use std::fs;
use std::path::{Path, PathBuf};

use facetbox::{ErrorCode, Options, Result, Runtime};
use tempfile::TempDir;

use crate::support::{app, assert_fails, counter, own, serve, visit};

/// A data directory in which the object "one" has counted a visit, closed.
fn visited() -> Result<(TempDir, PathBuf)> {
    let directory = TempDir::new().unwrap();
    let runtime = Runtime::open(directory.path().join("data"))?;
    visit(&own(&runtime, counter())?)?;
    runtime.close();
    let mut object = directory.path().join("data/objects");
    for _ in 0..3 {
        object = fs::read_dir(object).unwrap().next().unwrap().unwrap().path();
    }
    Ok((directory, object))
}

/// Lets `spoil` change the object's directory: it is refused, another object works, and the data
/// directory may be closed.
#[cfg(unix)]
fn refuse(what: &str, spoil: impl Fn(&Path)) -> Result<()> {
    let (directory, object) = visited()?;
    spoil(&object);
    let runtime = Runtime::open(directory.path().join("data"))?;
    let stub = own(&runtime, counter())?;
    let error = visit(&stub).expect_err(what);
    assert!(
        matches!(error.code(), ErrorCode::Storage | ErrorCode::Corrupt),
        "{what} ended with {error:?}"
    );
    assert!(!error.to_string().contains("objects/"), "{what} shows a path: {error}");
    let other = runtime.get_namespace("App")?.get_by_name("other");
    assert_eq!(visit(&other)?, "You've made 1 requests.\n");
    runtime.close();
    Ok(())
}

#[cfg(unix)]
#[test]
fn d007_links_and_pipes_in_place_of_a_database_are_refused() -> Result<()> {
    use std::os::unix::fs::symlink;
    let database = |object: &Path| object.join("data.sqlite");
    let aside = |path: &Path| {
        let aside = path.with_extension("aside");
        fs::rename(path, &aside).unwrap();
        aside
    };
    refuse("a link to a database", |object| {
        symlink(aside(&database(object)), database(object)).unwrap()
    })?;
    refuse("a link to nothing", |object| {
        aside(&database(object));
        symlink("/nonexistent/place", database(object)).unwrap();
    })?;
    refuse("a second name", |object| {
        fs::hard_link(database(object), object.with_extension("other")).unwrap();
    })?;
    refuse("a pipe", |object| {
        aside(&database(object));
        let made = std::process::Command::new("mkfifo").arg(database(object)).status();
        assert!(made.unwrap().success());
    })?;
    refuse("a directory", |object| {
        aside(&database(object));
        fs::create_dir(database(object)).unwrap();
    })?;
    refuse("a link to an object's directory", |object| symlink(aside(object), object).unwrap())?;
    refuse("a link to an empty directory", |object| {
        let elsewhere = object.with_extension("empty");
        fs::create_dir(&elsewhere).unwrap();
        aside(object);
        symlink(&elsewhere, object).unwrap();
    })
}

#[cfg(unix)]
#[test]
fn d007_nothing_is_written_through_a_link() -> Result<()> {
    let (directory, object) = visited()?;
    let elsewhere = directory.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::remove_dir_all(&object).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &object).unwrap();
    let runtime = Runtime::open(directory.path().join("data"))?;
    assert!(visit(&own(&runtime, counter())?).is_err());
    runtime.close();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    Ok(())
}

#[cfg(unix)]
#[test]
fn d007_the_root_may_be_a_link() -> Result<()> {
    let (directory, _) = visited()?;
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path().join("data"), &link).unwrap();
    let runtime = Runtime::open(&link)?;
    assert_eq!(visit(&own(&runtime, counter())?)?, "You've made 2 requests.\n");
    assert_fails(Runtime::open(directory.path().join("data")), ErrorCode::InUse, "process");
    Ok(())
}

#[test]
fn d011_a_lock_file_that_nobody_holds_stops_nobody() -> Result<()> {
    let (directory, _) = visited()?;
    let lock = directory.path().join("data/LOCK");
    for content in ["1\n", "999999999\n", "", "not a number"] {
        fs::write(&lock, content).unwrap();
        Runtime::open(directory.path().join("data"))?.close();
    }
    Ok(())
}

#[test]
fn s053_places_that_are_no_export_are_not_imported() -> Result<()> {
    let directory = TempDir::new().unwrap();
    let runtime = Runtime::open(directory.path().join("data"))?;
    visit(&own(&runtime, counter())?)?;
    let objects = runtime.get_namespace("App")?;
    let id = objects.id_from_name("other");
    let file = directory.path().join("file");
    fs::write(&file, "random").unwrap();
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let own = directory.path().join("data");
    for path in [
        file.as_path(),
        &empty,
        &own,
        Path::new("/nonexistent"),
        Path::new("/dev/zero"),
        Path::new(""),
    ] {
        let outcome = objects.import(&id, path);
        let error = outcome.expect_err("nothing to import");
        assert_ne!(error.code(), ErrorCode::Panic, "{path:?}: {error:?}");
    }
    assert!(!objects.exists(&id)?);
    assert_eq!(visit(&objects.get_by_name("one"))?, "You've made 2 requests.\n");
    Ok(())
}

#[test]
fn d020_exports_go_to_new_places_outside_only() -> Result<()> {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let runtime = Runtime::open(&data)?;
    visit(&own(&runtime, counter())?)?;
    let objects = runtime.get_namespace("App")?;
    let id = objects.id_from_name("one");
    let file = directory.path().join("file");
    fs::write(&file, "kept").unwrap();
    let mut places = vec![file.clone(), data.clone(), data.join("objects"), file.join("below")];
    #[cfg(unix)]
    {
        let link = directory.path().join("dangling");
        std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();
        places.push(link);
    }
    places.push(data.join("inside"));
    places.push(data.join("objects/inside"));
    for place in places {
        let outcome = objects.export_blocking(&id, &place);
        let error = outcome.expect_err(&format!("export to {place:?}"));
        assert!(
            matches!(error.code(), ErrorCode::InvalidArgument | ErrorCode::Storage),
            "{error:?}"
        );
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "kept");
    assert!(!directory.path().join("nowhere").exists());
    assert_eq!(runtime.verify()?.problems, []);
    Ok(())
}

#[test]
fn d010_one_process_can_not_open_a_directory_twice() -> Result<()> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data");
    let runtime = Runtime::open_with(Options { path: Some(path.clone()), ..Options::default() })?;
    let dotted = directory.path().join("./data/../data");
    for again in [path, dotted] {
        let part = format!("process {}.", std::process::id());
        assert_fails(Runtime::open(again), ErrorCode::InUse, &part);
    }
    visit(&serve(&runtime, counter())?)?;
    Ok(())
}

#[test]
fn d012_a_reader_of_the_live_file_takes_no_lock_away() -> Result<()> {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let code = || {
        app(
            "function App:add(n) local kv = self.ctx.storage.kv kv:put(n, string.rep('x', 1000)) return n end",
        )
    };
    let runtime = Runtime::open(&data)?;
    own(&runtime, code())?.call_blocking("add", vec!["first".into()])?;
    runtime.close(); // by now a new object has files
    let runtime = Runtime::open(&data)?;
    let stub = own(&runtime, code())?;
    stub.call_blocking("add", vec!["second".into()])?;
    let mut object = data.join("objects");
    for _ in 0..3 {
        object = fs::read_dir(object).unwrap().next().unwrap().unwrap().path();
    }
    let file = object.join("data.sqlite");
    for n in 0..50 {
        // Closing any descriptor of a file drops this process's POSIX locks on it.
        drop(fs::read(&file).unwrap());
        let foreign = rusqlite::Connection::open(&file).unwrap();
        foreign.busy_timeout(std::time::Duration::ZERO).unwrap();
        let written = foreign.execute_batch("CREATE TABLE intruder(a)");
        assert!(written.is_err(), "the runtime's lock keeps others out");
        drop(foreign);
        stub.call_blocking("add", vec![n.to_string().into()])?;
    }
    runtime.close();
    let runtime = Runtime::open(&data)?;
    assert_eq!(runtime.verify()?.problems, []);
    assert_eq!(runtime.verify()?.objects, 1);
    Ok(())
}
