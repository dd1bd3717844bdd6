//! Which objects there are, what they use, and their end.

use std::fs;

use facetbox::{ErrorCode, ObjectId, Result, Value};

use super::{GET_INNER, Place, START, class};
use crate::support::assert_fails;

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
    place.runtime.close(); // by now a new object has files
    let place = place.reopen()?;
    place.objects.get_by_name("one").call_blocking("get", vec![])?;
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
    assert_fails(
        objects.query_blocking(&foreign, &[], "", vec![]),
        code,
        "not valid for this namespace",
    );
    place.runtime.close();
    assert_fails(objects.list(None, 1), ErrorCode::Closed, "");
    assert_fails(place.runtime.verify(), ErrorCode::Closed, "");
    Ok(())
}
