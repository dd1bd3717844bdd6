//! Imports that are refused.

use std::fs;
use std::path::Path;

use facetbox::{Error, ErrorCode, Result, Value};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Place, answers};
use crate::support::{assert_fails, patch};

#[test]
fn an_import_into_an_object_with_data_is_refused() -> Result<()> {
    for place in Place::both()? {
        place.filled("one")?;
        place.objects.export_blocking(&place.id("one"), place.path("export"))?;
        let other = place.objects.get_by_name("other");
        other.call_blocking("put", vec!["kept".into()])?;
        let import = place.objects.import(&place.id("other"), place.path("export"));
        assert_fails(import, ErrorCode::InvalidArgument, "has data");
        assert_eq!(other.call_blocking("get", vec![])?, Value::from("kept"));
    }
    Ok(())
}

/// Exports an object, lets `spoil` change the export, and tries to import that.
#[track_caller]
fn refuse(spoil: impl Fn(&Path), part: &str) -> Error {
    let place = Place::new().unwrap();
    place.filled("one").unwrap();
    let path = place.path("export");
    place.objects.export_blocking(&place.id("one"), &path).unwrap();
    spoil(&path);
    let error =
        assert_fails(place.objects.import(&place.id("two"), &path), ErrorCode::Corrupt, part);
    assert!(!place.objects.exists(&place.id("two")).unwrap());
    assert_eq!(place.objects.list(None, 9).unwrap().len(), 1);
    assert_eq!(fs::read_dir(place.path("data/tmp")).unwrap().count(), 0);
    assert_eq!(answers(&place.objects.get_by_name("one")).unwrap()[0], Value::from("one"));
    error
}

#[test]
fn files_that_are_no_database_of_ours_are_not_imported() {
    let with = |at: usize, byte: u8| {
        move |path: &Path| {
            let file = path.join("data.sqlite");
            let mut bytes = fs::read(&file).unwrap();
            bytes[at] = byte;
            fs::write(file, bytes).unwrap();
        }
    };
    refuse(|path| fs::write(path.join("data.sqlite"), [7; 9000]).unwrap(), "not a SQLite database");
    refuse(|path| fs::write(path.join("1/data.sqlite"), []).unwrap(), "1/data.sqlite");
    refuse(
        |path| {
            let file = fs::OpenOptions::new().write(true).open(path.join("data.sqlite")).unwrap();
            file.set_len(9000).unwrap();
        },
        "data.sqlite",
    );
    refuse(with(71, 1), "another application");
    refuse(with(63, 2), "format version 2");
    refuse(with(20, 8), "pages");
    refuse(|path| fs::remove_file(path.join("data.sqlite")).unwrap(), "missing");
}

#[test]
fn schemas_that_facetbox_would_not_have_made_are_not_imported() {
    let run = |sql: &'static str| {
        move |path: &Path| {
            let database = Connection::open(path.join("data.sqlite")).unwrap();
            database
                .execute_batch("PRAGMA trusted_schema = ON; PRAGMA foreign_keys = OFF;")
                .unwrap();
            database.execute_batch(sql).unwrap();
        }
    };
    let view = "CREATE TABLE real AS SELECT * FROM _fb_kv; DROP TABLE _fb_kv;
        CREATE VIEW _fb_kv AS SELECT * FROM real";
    refuse(run(view), "\"_fb_kv\"");
    refuse(run("CREATE TRIGGER t1 AFTER INSERT ON _fb_kv BEGIN DELETE FROM t; END"), "trigger");
    refuse(run("CREATE INDEX i1 ON _fb_kv(value)"), "index");
    refuse(run("ALTER TABLE _fb_facets ADD COLUMN extra"), "_fb_facets");
    refuse(run("DROP TABLE _fb_alarm"), "_fb_alarm");
    refuse(run("CREATE TABLE _FB_more(a)"), "_FB_more");
    refuse(run("CREATE TABLE _cf_KV(a)"), "_cf_KV");
    let child = "CREATE TABLE child(a REFERENCES _fb_kv(key) ON DELETE CASCADE)";
    refuse(run(child), "\"child\"");
    let module = "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES
        ('table', 'a using rtree', 'a using rtree', 0, 'CREATE VIRTUAL TABLE \"a using rtree\" USING dbstat(main)')";
    refuse(run(module), "virtual table");
    refuse(run("UPDATE _fb_facets SET number = 1000 WHERE number = 1"), "list of facets");
    refuse(run("INSERT INTO _fb_facets VALUES (0, 'zero')"), "list of facets");
    refuse(run("DELETE FROM _fb_facets WHERE name = 'idle'"), "belongs to no facet");
    refuse(run("UPDATE _fb_facets SET name = 'other' WHERE name = 'idle'"), "manifest.json");
}

#[test]
fn directories_with_anything_else_in_them_are_not_imported() {
    refuse(|path| fs::write(path.join("data.sqlite-wal"), "x").unwrap(), "data.sqlite-wal");
    refuse(|path| fs::write(path.join("1/notes.txt"), "x").unwrap(), "notes.txt");
    refuse(|path| fs::create_dir(path.join("007")).unwrap(), "007");
    refuse(|path| fs::create_dir(path.join("99")).unwrap(), "99");
    refuse(|path| fs::remove_dir_all(path.join("1")).unwrap(), "\"app\" is missing");
    refuse(|path| fs::write(path.join("manifest.json"), "{").unwrap(), "manifest.json");
    refuse(
        |path| fs::write(path.join("manifest.json"), r#"{"facetbox_export":2}"#).unwrap(),
        "version is 2",
    );
    refuse(|path| fs::remove_file(path.join("manifest.json")).unwrap(), "manifest.json");
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_not_imported() {
    use std::os::unix::fs::symlink;
    refuse(
        |path| {
            fs::rename(path.join("data.sqlite"), path.with_extension("real")).unwrap();
            symlink(path.with_extension("real"), path.join("data.sqlite")).unwrap();
        },
        "not a regular file",
    );
    refuse(
        |path| {
            fs::rename(path.join("1"), path.with_extension("one")).unwrap();
            symlink(path.with_extension("one"), path.join("1")).unwrap();
        },
        "not a part",
    );
    refuse(
        |path| {
            fs::remove_file(path.join("data.sqlite")).unwrap();
            let made = std::process::Command::new("mkfifo").arg(path.join("data.sqlite")).status();
            assert!(made.unwrap().success());
        },
        "not a regular file",
    );
}

#[test]
fn an_import_keeps_the_limits_of_its_namespace() -> Result<()> {
    let source = Place::new()?;
    source.filled("one")?;
    let path = source.path("export");
    source.objects.export_blocking(&source.id("one"), &path)?;
    for (limit, value, code) in [
        ("storageBytes", 4096, ErrorCode::LimitStorage),
        ("facets", 1, ErrorCode::LimitFacets),
        ("facetDepth", 2, ErrorCode::LimitDepth),
    ] {
        let target = Place::open(Some(TempDir::new().unwrap()), patch([(limit, value)])?)?;
        assert_fails(target.objects.import(&target.id("one"), &path), code, &value.to_string());
        assert_eq!(target.objects.list(None, 9)?, []);
    }
    Ok(())
}
