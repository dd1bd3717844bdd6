//! An operator's queries.

use facetbox::{ErrorCode, Result, Value};

use super::Place;
use crate::support::assert_fails;

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
