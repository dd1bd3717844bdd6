//! What verify finds.

use std::fs;
use std::path::PathBuf;

use facetbox::{Report, Result, Value};

use super::{Place, answers};

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
    let garbage = |below: &'static str| {
        move |place: &Place| fs::write(place.database(below), [7; 9000]).unwrap()
    };
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
    let found =
        problems(|place| fs::remove_dir_all(place.database("1").parent().unwrap()).unwrap());
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
