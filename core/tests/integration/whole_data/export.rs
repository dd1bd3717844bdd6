//! Exports, and imports of them.

use std::fs;

use facetbox::{ErrorCode, Result, Value};
use rusqlite::Connection;

use super::{Place, START, answers};
use crate::support::assert_fails;

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
    assert_eq!(
        two.call_blocking("in", vec!["inner".into(), "get".into()])?,
        Value::from("in inner")
    );
    let missing = stub.call_blocking("export", vec!["missing".into(), "x".into()]);
    assert_fails(missing, ErrorCode::NotFound, "missing");
    Ok(())
}

#[test]
fn an_export_while_the_object_writes_is_of_a_moment_between_two_events() -> Result<()> {
    for place in Place::both()? {
        let stub = place.objects.get_by_name("one");
        stub.call_blocking("both", vec![0.into()])?;
        let writer = std::thread::spawn(move || {
            (1..200).try_for_each(|n| stub.call_blocking("both", vec![n.into()]).map(drop))
        });
        for n in 0..5 {
            let (path, copy) = (place.path(&format!("export {n}")), format!("copy {n}"));
            place.objects.export_blocking(&place.id("one"), &path)?;
            place.objects.import(&place.id(&copy), &path)?;
            let copy = place.objects.get_by_name(&copy);
            let facet = copy.call_blocking("in", vec!["app".into(), "get".into()])?;
            assert_eq!(copy.call_blocking("get", vec![])?, facet);
        }
        writer.join().unwrap()?;
    }
    Ok(())
}
