//! Objects as a whole: listed, measured, deleted, exported, imported, queried and verified.

use std::fs;
use std::path::{Path, PathBuf};

use facetbox::{
    AlarmInfo, Alarms, Class, Ctx, DurableObject, Error, ErrorCode, LimitsPatch, ManualClock, Namespace,
    ObjectId, Options, Report, Result, Runtime, Stub, Value,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{assert_fails, patch};

const START: i64 = 1_000_000;

/// Calls of "in" that reach the facet "inner" of "app".
const IN_INNER: [&str; 5] = ["app", "in", "inner", "put", "in inner"];
const GET_INNER: [&str; 4] = ["app", "in", "inner", "get"];

/// Keeps a value of its own and passes on what begins with a facet's name.
struct Keeper(Ctx);

impl DurableObject for Keeper {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let (facets, kv) = (self.0.facets(), self.0.storage().kv());
        let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default();
        match method {
            "put" => kv.put("k", &args[0])?,
            "get" => return Ok(kv.get("k")?.unwrap_or_default()),
            "sql" => return Ok((self.0.storage().sql().exec(text(0), vec![])?.raw()?.len() as i64).into()),
            "wake" => self.0.storage().set_alarm(START + 10)?,
            "in" => {
                return facets.get(text(0), || Ok(class()))?.call_blocking(text(1), args[2..].to_vec());
            }
            "drop" => facets.delete(text(0))?,
            "usage" => return Ok((facets.usage(text(0))?.storage_bytes as i64).into()),
            "export" => facets.export(text(0), text(1))?,
            _ => return Err(facetbox::no_such_method(method)),
        }
        Ok(Value::Null)
    }

    fn alarm(&self, info: AlarmInfo) -> Result<()> {
        self.0.storage().kv().put("fired", &info.scheduled_time.into())
    }
}

fn class() -> Class {
    Class::host("Keeper", |ctx, _env| Ok(Keeper(ctx)))
}

struct Place {
    dir: TempDir,
    runtime: Runtime,
    objects: Namespace,
    clock: ManualClock,
}

impl Place {
    fn new() -> Result<Place> {
        Place::open(Some(TempDir::new().unwrap()), LimitsPatch::default())
    }

    fn memory() -> Result<Place> {
        Place::open(None, LimitsPatch::default())
    }

    fn open(dir: Option<TempDir>, limits: LimitsPatch) -> Result<Place> {
        let clock = ManualClock::new(START);
        let runtime = Runtime::open_with(Options {
            path: dir.as_ref().map(|dir| dir.path().join("data")),
            clock: Some(clock.clone()),
            alarms: Alarms::Manual,
            limits,
            ..Options::default()
        })?;
        let dir = dir.unwrap_or_else(|| TempDir::new().unwrap());
        let objects = runtime.namespace("Keeper", class())?;
        Ok(Place { dir, runtime, objects, clock })
    }

    fn reopen(self) -> Result<Place> {
        self.runtime.close();
        Place::open(Some(self.dir), LimitsPatch::default())
    }

    fn both() -> Result<[Place; 2]> {
        Ok([Place::new()?, Place::memory()?])
    }

    /// An object with a value, a table, an alarm, and the facets "app" with data and one below it, and
    /// "idle" without.
    fn filled(&self, name: &str) -> Result<Stub> {
        let stub = self.objects.get_by_name(name);
        stub.call_blocking("put", vec![name.into()])?;
        stub.call_blocking("sql", vec!["CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)".into()])?;
        stub.call_blocking("wake", vec![])?;
        stub.call_blocking("in", vec!["app".into(), "put".into(), "in app".into()])?;
        stub.call_blocking("in", IN_INNER.map(Value::from).to_vec())?;
        stub.call_blocking("in", vec!["idle".into(), "get".into()])?;
        Ok(stub)
    }

    /// Where an export or anything else may go.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn id(&self, name: &str) -> ObjectId {
        self.objects.id_from_name(name)
    }

    /// The only database of the object below the data directory with so many facets above it.
    fn database(&self, below: &str) -> PathBuf {
        let mut dir = self.path("data").join("objects");
        for _ in 0..3 {
            dir = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
        }
        dir.join(below).join("data.sqlite")
    }
}

fn answers(stub: &Stub) -> Result<[Value; 4]> {
    Ok([
        stub.call_blocking("get", vec![])?,
        stub.call_blocking("sql", vec!["SELECT * FROM t".into()])?,
        stub.call_blocking("in", vec!["app".into(), "get".into()])?,
        stub.call_blocking("in", GET_INNER.map(Value::from).to_vec())?,
    ])
}

#[test]
fn objects_are_listed_in_pages_in_order_of_their_ids() -> Result<()> {
    for place in Place::both()? {
        assert_eq!(place.objects.list(None, 10)?, []);
        for n in 0..25 {
            let stub = place.objects.get_by_name(&format!("object {n}"));
            stub.call_blocking("put", vec![n.into()])?;
        }
        place.objects.get_by_name("without data").call_blocking("get", vec![])?;
        let mut listed = Vec::new();
        loop {
            let page = place.objects.list(listed.last(), 10)?;
            listed.extend(page.iter().map(|info| info.id.clone()));
            if page.len() < 10 {
                break;
            }
        }
        let mut expected: Vec<_> = (0..25).map(|n| place.id(&format!("object {n}"))).collect();
        expected.sort_by_key(|id| *id.as_bytes());
        assert_eq!(listed, expected);
    }
    Ok(())
}

#[test]
fn a_list_knows_the_names_of_objects_after_a_restart() -> Result<()> {
    let place = Place::new()?;
    place.objects.get_by_name("named").call_blocking("put", vec![1.into()])?;
    let unique = place.objects.new_unique_id()?;
    place.objects.get(&unique)?.call_blocking("put", vec![1.into()])?;
    let place = place.reopen()?;
    let infos = place.objects.list(None, 10)?;
    let name_of = |id: &ObjectId| infos.iter().find(|info| info.id == *id).unwrap().name.clone();
    assert_eq!(name_of(&place.id("named")), Some("named".into()));
    assert_eq!(name_of(&unique), None);
    Ok(())
}

#[test]
fn an_object_exists_from_its_first_write_until_it_is_deleted() -> Result<()> {
    for place in Place::both()? {
        let stub = place.objects.get_by_name("one");
        stub.call_blocking("get", vec![])?;
        assert!(!stub.exists()?);
        stub.call_blocking("put", vec![1.into()])?;
        assert!(stub.exists()? && place.objects.exists(&place.id("one"))?);
        place.objects.delete(&place.id("one"))?;
        assert!(!stub.exists()?);
    }
    Ok(())
}

#[test]
fn delete_ends_the_object_and_takes_its_facets_and_alarm() -> Result<()> {
    for place in Place::both()? {
        let stub = place.filled("one")?;
        place.objects.delete(&place.id("one"))?;
        assert_fails(stub.call_blocking("get", vec![]), ErrorCode::Aborted, "Object was deleted.");
        place.clock.set_ms(START + 100);
        assert_eq!(place.runtime.run_due_alarms()?, 0);
        let new = place.objects.get_by_name("one");
        assert_eq!(new.call_blocking("get", vec![])?, Value::Null);
        assert_eq!(new.call_blocking("in", vec!["app".into(), "get".into()])?, Value::Null);
        assert_eq!(new.call_blocking("in", GET_INNER.map(Value::from).to_vec())?, Value::Null);
        assert_eq!(place.runtime.verify()?.problems, []);
        place.objects.delete(&place.id("never there"))?;
    }
    Ok(())
}

#[test]
fn a_deleted_object_leaves_no_file() -> Result<()> {
    let place = Place::new()?;
    place.filled("one")?;
    let dir = place.database("").parent().unwrap().to_owned();
    place.objects.delete(&place.id("one"))?;
    assert!(!dir.exists());
    assert_eq!(fs::read_dir(place.path("data/tmp")).unwrap().count(), 0);
    Ok(())
}

#[test]
fn usage_counts_databases_and_facets_at_all_levels() -> Result<()> {
    for place in Place::both()? {
        let stub = place.filled("one")?;
        let usage = stub.usage()?;
        assert_eq!(usage.facets, 3);
        assert!(usage.storage_bytes >= 3 * 4 * 4096, "{usage:?}");
        let facet = stub.call_blocking("usage", vec!["app".into()])?.as_i64().unwrap();
        assert!(0 < facet && (facet as u64) < usage.storage_bytes);
        let missing = stub.call_blocking("usage", vec!["missing".into()]);
        assert_fails(missing, ErrorCode::NotFound, "missing");
        assert_eq!(place.objects.usage(&place.id("other"))?, Default::default());
    }
    Ok(())
}

#[test]
fn an_export_of_a_running_object_gives_the_same_answers_elsewhere() -> Result<()> {
    for make in [Place::new, Place::memory] {
        for target in Place::both()? {
            let source = make()?;
            let stub = source.filled("one")?;
            let path = source.path("export");
            source.objects.export_blocking(&source.id("one"), &path)?;
            stub.call_blocking("put", vec!["later".into()])?;
            target.objects.import(&target.id("two"), &path)?;
            let two = target.objects.get_by_name("two");
            let expected = ["one".into(), 2.into(), "in app".into(), "in inner".into()];
            assert_eq!(answers(&two)?, expected);
            assert_eq!(two.usage()?.facets, 3);
            assert_eq!(target.objects.list(None, 9)?[0].name.as_deref(), Some("two"));
            assert_eq!(target.runtime.verify()?.problems, []);
        }
    }
    Ok(())
}

#[test]
fn an_imported_alarm_fires_though_the_object_was_never_started() -> Result<()> {
    let (source, target) = (Place::new()?, Place::new()?);
    source.filled("one")?;
    source.objects.export_blocking(&source.id("one"), source.path("export"))?;
    target.objects.import(&target.id("one"), source.path("export"))?;
    target.clock.set_ms(START + 10);
    assert_eq!(target.runtime.run_due_alarms()?, 1);
    let rows = target.objects.query_blocking(
        &target.id("one"),
        &[],
        "SELECT value FROM _fb_kv WHERE key = 'fired'",
        vec![],
    )?;
    assert_eq!(rows.rows, [[Value::Int(START + 10)]]);
    Ok(())
}

#[test]
fn exported_databases_are_plain_and_the_manifest_names_their_facets() -> Result<()> {
    for place in Place::both()? {
        place.filled("one")?;
        let path = place.path("export");
        place.objects.export_blocking(&place.id("one"), &path)?;
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap();
        assert_eq!((&manifest["facetbox_export"], &manifest["name"]), (&1.into(), &"one".into()));
        let app = &manifest["facets"][0];
        assert_eq!(app["name"], "app");
        assert_eq!(app["facets"][0]["name"], "inner");
        let inner = path.join(app["facets"][0]["directory"].as_str().unwrap());
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
        let database = Connection::open(inner.join("data.sqlite")).unwrap();
        let value: String = database
            .query_row("SELECT value FROM _fb_kv WHERE key = 'k'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(value, "in inner");
        let mode: String = database.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "delete");
    }
    Ok(())
}

#[test]
fn an_export_neither_replaces_anything_nor_leaves_anything_after_an_error() -> Result<()> {
    for place in Place::both()? {
        place.filled("one")?;
        fs::write(place.path("taken"), "mine").unwrap();
        let export = |name, path| place.objects.export_blocking(&place.id(name), place.path(path));
        assert_fails(export("one", "taken"), ErrorCode::InvalidArgument, "exists");
        assert_fails(export("missing", "export"), ErrorCode::NotFound, "no data");
        assert_fails(export("one", "no/such/parent"), ErrorCode::Storage, "no/such");
        assert_eq!(fs::read_to_string(place.path("taken")).unwrap(), "mine");
        let names: Vec<_> = fs::read_dir(place.dir.path()).unwrap().collect();
        assert!(names.len() <= 2, "{names:?}");
    }
    Ok(())
}

#[test]
fn a_facet_is_exported_as_it_was_last_committed_and_becomes_an_object() -> Result<()> {
    let place = Place::new()?;
    let stub = place.filled("one")?;
    let path = place.path("facet");
    stub.call_blocking("export", vec!["app".into(), path.to_str().unwrap().into()])?;
    place.objects.import(&place.id("two"), &path)?;
    let two = place.objects.get_by_name("two");
    assert_eq!(two.call_blocking("get", vec![])?, Value::from("in app"));
    assert_eq!(two.call_blocking("in", vec!["inner".into(), "get".into()])?, Value::from("in inner"));
    let missing = stub.call_blocking("export", vec!["missing".into(), "x".into()]);
    assert_fails(missing, ErrorCode::NotFound, "missing");
    Ok(())
}

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
    let error = assert_fails(place.objects.import(&place.id("two"), &path), ErrorCode::Corrupt, part);
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
            database.execute_batch("PRAGMA trusted_schema = ON; PRAGMA foreign_keys = OFF;").unwrap();
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
    refuse(|path| fs::write(path.join("manifest.json"), r#"{"facetbox_export":2}"#).unwrap(), "version is 2");
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

#[test]
fn a_query_reads_everything_of_an_object_and_its_facets() -> Result<()> {
    for place in Place::both()? {
        place.filled("one")?;
        let query = |facets: &[&str], sql: &str, bindings| {
            place.objects.query_blocking(&place.id("one"), facets, sql, bindings)
        };
        let rows = query(&[], "SELECT a AS x FROM t WHERE a > ?", vec![1.into()])?;
        assert_eq!((rows.columns, rows.rows), (vec!["x".into()], vec![vec![Value::Int(2)]]));
        let own = "SELECT value FROM _fb_kv WHERE key = 'k'";
        assert_eq!(query(&["app"], own, vec![])?.rows, [[Value::from("in app")]]);
        assert_eq!(query(&["app", "inner"], own, vec![])?.rows, [[Value::from("in inner")]]);
        assert!(!query(&[], "SELECT * FROM pragma_table_info('_fb_kv')", vec![])?.rows.is_empty());
        assert_fails(query(&["app", "x"], own, vec![]), ErrorCode::NotFound, "\"x\"");
        assert_fails(query(&["idle"], own, vec![]), ErrorCode::NotFound, "no data");
        assert_fails(query(&[], "SELECT ?", vec![]), ErrorCode::InvalidArgument, "bindings");
        let missing = place.objects.query_blocking(&place.id("missing"), &[], own, vec![]);
        assert_fails(missing, ErrorCode::NotFound, "no data");
    }
    Ok(())
}

#[test]
fn a_query_reads_an_object_that_does_not_run() -> Result<()> {
    let place = Place::new()?;
    place.filled("one")?;
    let place = place.reopen()?;
    let sql = "SELECT value FROM _fb_kv WHERE key = 'k'";
    let rows = place.objects.query_blocking(&place.id("one"), &["app", "inner"], sql, vec![])?;
    assert_eq!(rows.rows, [[Value::from("in inner")]]);
    Ok(())
}

#[test]
fn a_query_can_not_write_or_change_the_connection() -> Result<()> {
    for place in Place::both()? {
        let stub = place.filled("one")?;
        for sql in [
            "INSERT INTO t VALUES (3)",
            "DELETE FROM _fb_kv",
            "UPDATE t SET a = 5 RETURNING a",
            "CREATE TABLE u(a)",
            "DROP TABLE t",
            "BEGIN",
            "COMMIT",
            "SAVEPOINT _fb",
            "VACUUM",
            "ATTACH ':memory:' AS x",
            "PRAGMA foreign_keys = OFF",
            "PRAGMA writable_schema = ON",
            "PRAGMA user_version = 9",
            "PRAGMA wal_checkpoint",
            "SELECT load_extension('x')",
            "SELECT 1; SELECT 2",
            "",
        ] {
            let outcome = place.objects.query_blocking(&place.id("one"), &[], sql, vec![]);
            let error = outcome.expect_err(sql);
            assert_ne!(error.code(), ErrorCode::Reset, "{sql}: {error}");
        }
        assert_eq!(stub.call_blocking("sql", vec!["SELECT * FROM t".into()])?, Value::Int(2));
        stub.call_blocking("put", vec!["still".into()])?;
        assert_eq!(stub.call_blocking("get", vec![])?, Value::from("still"));
    }
    Ok(())
}

#[test]
fn a_query_is_cut_after_ten_thousand_rows_and_stopped_if_it_never_ends() -> Result<()> {
    let place = Place::new()?;
    place.filled("one")?;
    let query = |sql: &str| place.objects.query_blocking(&place.id("one"), &[], sql, vec![]);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    let rows = query(&format!("{endless} SELECT i FROM n"))?;
    assert_eq!((rows.rows.len(), rows.truncated), (10_000, true));
    assert_fails(query(&format!("{endless} SELECT max(i) FROM n")), ErrorCode::LimitCpu, "stopped");
    assert!(!query("SELECT 1")?.truncated);
    Ok(())
}

#[test]
fn verify_has_nothing_to_say_about_healthy_objects() -> Result<()> {
    let place = Place::new()?;
    let stub = place.filled("one")?;
    place.filled("two")?;
    stub.call_blocking("drop", vec!["idle".into()])?;
    let expected = Report { objects: 2, databases: 6, ..Report::default() };
    assert_eq!(place.runtime.verify()?, expected);
    let place = place.reopen()?;
    assert_eq!(place.runtime.verify()?, expected);
    assert_eq!(answers(&place.objects.get_by_name("one"))?[3], Value::from("in inner"));
    Ok(())
}

/// What verify says after `spoil` has changed the files of a runtime that isn't open.
fn problems(spoil: impl Fn(&Place)) -> Vec<(PathBuf, String)> {
    let place = Place::new().unwrap();
    place.filled("one").unwrap();
    place.runtime.close();
    spoil(&place);
    let place = place.reopen().unwrap();
    let report = place.runtime.verify().unwrap();
    assert_eq!(report, place.runtime.verify().unwrap());
    report.problems.into_iter().map(|problem| (problem.path, problem.message)).collect()
}

#[test]
fn verify_finds_what_is_damaged_and_leaves_it_alone() {
    let garbage = |below: &'static str| move |place: &Place| fs::write(place.database(below), [7; 9000]).unwrap();
    let found = problems(garbage("1"));
    assert!(found.len() == 1 && found[0].0.ends_with("1/data.sqlite"), "{found:?}");
    let found = problems(|place| {
        let file = place.database("1");
        let mut bytes = fs::read(&file).unwrap();
        let end = bytes.len();
        bytes[4096 + 8..end].fill(0xa5);
        fs::write(file, bytes).unwrap();
    });
    assert!(found.iter().any(|(path, _)| path.ends_with("1/data.sqlite")), "{found:?}");
    let found = problems(|place| fs::remove_dir_all(place.database("1").parent().unwrap()).unwrap());
    assert!(found.len() == 1 && found[0].0.ends_with("1"), "{found:?}");
    assert!(found[0].1.contains("\"app\" is missing"), "{found:?}");
    let found = problems(|place| fs::remove_file(place.database("")).unwrap());
    assert!(found[0].1.contains("its database is missing"), "{found:?}");
}

#[test]
fn verify_finds_an_alarm_that_the_index_lost() {
    let found = problems(|place| fs::remove_file(place.path("data/alarms.sqlite")).unwrap());
    assert!(found.len() == 1 && found[0].1.contains("index of alarms"), "{found:?}");
}

#[test]
fn what_a_crash_left_half_done_is_gone_after_a_restart() -> Result<()> {
    let place = Place::new()?;
    place.filled("one")?;
    place.runtime.close();
    fs::create_dir_all(place.path("data/tmp/import-1/1")).unwrap();
    let place = place.reopen()?;
    assert!(!place.path("data/tmp").exists());
    Ok(())
}

#[test]
fn ids_of_other_namespaces_and_closed_runtimes_are_refused() -> Result<()> {
    let place = Place::new()?;
    let other = place.runtime.namespace("Other", class())?;
    let foreign = other.id_from_name("one");
    let objects = &place.objects;
    let code = ErrorCode::InvalidArgument;
    assert_fails(objects.exists(&foreign), code, "not valid for this namespace");
    assert_fails(objects.delete(&foreign), code, "not valid for this namespace");
    assert_fails(objects.usage(&foreign), code, "not valid for this namespace");
    assert_fails(objects.list(Some(&foreign), 1), code, "not valid for this namespace");
    assert_fails(objects.import(&foreign, "x"), code, "not valid for this namespace");
    assert_fails(objects.export_blocking(&foreign, "x"), code, "not valid for this namespace");
    assert_fails(objects.query_blocking(&foreign, &[], "", vec![]), code, "not valid for this namespace");
    place.runtime.close();
    assert_fails(objects.list(None, 1), ErrorCode::Closed, "");
    assert_fails(place.runtime.verify(), ErrorCode::Closed, "");
    Ok(())
}
