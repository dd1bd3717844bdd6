use super::{exec, memory, number, refusal};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::value::Value;

const DENIED: &str = "not authorized: SQLITE_AUTH";

fn storage() -> Storage {
    let storage = memory();
    storage.kv().put("secret", &Value::String("s".into())).expect("stored");
    exec(&storage, "CREATE TABLE t(a)").expect("a table");
    storage
}

/// Each is refused, and the storage works as before.
fn all_refused(queries: &[&str]) {
    let storage = storage();
    for query in queries {
        let error = exec(&storage, query).err().unwrap_or_else(|| panic!("{query} ran"));
        assert_eq!(error.name(), "Error", "{query}");
    }
    assert_eq!(storage.kv().get("secret"), Ok(Some(Value::String("s".into()))));
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type <> 'index' AND name NOT LIKE '\\_fb\\_%' ESCAPE '\\'";
    assert_eq!(number(&storage, tables), 1);
    storage.commit().expect("commits");
}

#[test]
fn reserved_names_cannot_be_made() {
    let storage = storage();
    for query in [
        "CREATE TABLE _fb_x(a)",
        "CREATE TABLE \"_FB_y\"(a)",
        "CREATE TABLE [_Cf_z](a)",
        "CREATE TABLE main._cf_KV(a)",
        "CREATE TABLE _fb_ AS SELECT 1",
        "CREATE VIEW _fb_v AS SELECT 1",
        "CREATE INDEX _fb_i ON t(a)",
        "CREATE TRIGGER _cf_t AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE _fb_f USING fts5(a)",
    ] {
        assert_eq!(refusal(&storage, query), DENIED, "{query}");
    }
    for name in ["_f", "_fb", "fb_x", "a_fb_", "_cf"] {
        exec(&storage, &format!("CREATE TABLE {name}(a)")).expect("not reserved");
    }
}

#[test]
fn nothing_can_be_renamed_to_a_reserved_name() -> Result<()> {
    let storage = storage();
    exec(&storage, "INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE f USING fts5(a)")?;
    for name in ["_fb_x", "\"_FB_KV\"", "_cf_x", "[_fb_facets]", "`_Fb_meta`", "_fb_"] {
        for table in ["t", "main.t", "f"] {
            let query = format!("ALTER TABLE {table} RENAME TO {name}");
            assert!(exec(&storage, &query).is_err(), "{query}");
        }
    }
    assert_eq!(refusal(&storage, "ALTER TABLE t RENAME TO _fb_x"), DENIED);
    exec(&storage, "ALTER TABLE t RENAME TO u")?;
    assert_eq!(number(&storage, "SELECT a FROM u"), 1);
    storage.sync()
}

#[test]
fn our_tables_cannot_be_read() {
    all_refused(&[
        "SELECT value FROM _fb_kv",
        "SELECT count(*) FROM _FB_KV",
        "SELECT * FROM main.\"_fb_kv\" AS x",
        "WITH x AS (SELECT * FROM _fb_kv) SELECT * FROM x",
        "SELECT (SELECT key FROM _fb_kv LIMIT 1)",
        "SELECT 1 WHERE 'k' IN _fb_kv",
        "EXPLAIN SELECT * FROM _fb_kv",
        "SELECT * FROM _fb_facets",
        "SELECT * FROM _fb_meta",
        "SELECT * FROM _cf_KV",
        "INSERT INTO t SELECT value FROM _fb_kv",
        "INSERT INTO t VALUES (1) RETURNING (SELECT value FROM _fb_kv)",
        "CREATE TABLE u AS SELECT * FROM _fb_kv",
    ]);
}

#[test]
fn our_tables_cannot_be_written_or_changed() {
    all_refused(&[
        "INSERT INTO _fb_kv VALUES ('x', 1)",
        "UPDATE _fb_kv SET value = 1",
        "DELETE FROM _fb_kv",
        "REPLACE INTO _FB_kv VALUES ('x', 1)",
        "DROP TABLE _fb_kv",
        "ALTER TABLE _fb_kv ADD COLUMN x",
        "ALTER TABLE _fb_kv RENAME TO stolen",
        "ALTER TABLE _fb_kv RENAME COLUMN value TO v",
        "CREATE INDEX i ON _fb_kv(value)",
        "CREATE TRIGGER g AFTER INSERT ON _fb_kv BEGIN SELECT 1; END",
        "PRAGMA table_info(_fb_kv)",
        "PRAGMA index_list('_FB_KV')",
        "SELECT * FROM pragma_table_info('_fb_kv')",
        "PRAGMA quick_check(_fb_kv)",
    ]);
}

#[test]
fn views_and_triggers_give_no_access_to_our_tables() -> Result<()> {
    let storage = storage();
    exec(&storage, "CREATE VIEW w AS SELECT * FROM _fb_kv")?;
    refusal(&storage, "SELECT * FROM w");
    exec(&storage, "CREATE TRIGGER h AFTER INSERT ON t BEGIN DELETE FROM _fb_kv; END").ok();
    refusal(&storage, "INSERT INTO t VALUES (1)");
    assert!(storage.kv().get("secret")?.is_some());
    Ok(())
}

#[test]
fn foreign_keys_onto_our_tables_are_refused() -> Result<()> {
    let storage = storage();
    exec(&storage, "CREATE TABLE log(a)")?;
    storage.commit()?;
    exec(&storage, "PRAGMA foreign_keys = OFF")?;
    for query in [
        "CREATE TABLE child(k REFERENCES _fb_kv(key) ON DELETE CASCADE)",
        "CREATE TABLE child(k, FOREIGN KEY (k) REFERENCES \"_FB_KV\"(key) ON DELETE SET NULL)",
        "ALTER TABLE t ADD COLUMN k REFERENCES _fb_kv(key)",
    ] {
        assert_eq!(refusal(&storage, query), DENIED);
    }
    exec(&storage, "CREATE TABLE child(k REFERENCES log(a) ON DELETE CASCADE)")?;
    Ok(())
}

#[test]
fn full_text_search_gives_no_access_to_our_tables() -> Result<()> {
    let storage = storage();
    exec(&storage, "CREATE VIRTUAL TABLE f USING fts5(key, value, content=_fb_kv)").ok();
    exec(&storage, "INSERT INTO f(f) VALUES ('rebuild')").ok();
    assert!(exec(&storage, "SELECT * FROM f('s')").unwrap_or_default().is_empty());
    assert!(exec(&storage, "SELECT * FROM f").unwrap_or_default().is_empty());
    assert!(storage.kv().get("secret")?.is_some());
    Ok(())
}

#[test]
fn transactions_belong_to_the_api() {
    let storage = storage();
    for query in [
        "BEGIN",
        "begin immediate",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE _fb",
        "ROLLBACK TO _fb",
        "/* x */ commit;",
        "INSERT INTO t VALUES (1); COMMIT",
    ] {
        let error = exec(&storage, query).expect_err("refused");
        assert!(error.message().starts_with("To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead"), "{error}");
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}

#[test]
fn there_is_no_other_database() {
    all_refused(&[
        "ATTACH ':memory:' AS y",
        "ATTACH 'file:y?mode=memory&cache=shared' AS y",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "CREATE TEMP TABLE x(a)",
        "CREATE TABLE temp.x(a)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "SELECT * FROM other.t",
    ]);
}

#[test]
fn only_listed_modules_make_virtual_tables() -> Result<()> {
    all_refused(&[
        "CREATE VIRTUAL TABLE v USING fts3(x)",
        "CREATE VIRTUAL TABLE v USING fts4(x)",
        "CREATE VIRTUAL TABLE v USING fts3tokenize",
        "CREATE VIRTUAL TABLE v USING dbstat",
        "CREATE VIRTUAL TABLE v USING fts5abcd(x)",
        "SELECT * FROM dbstat",
        "SELECT * FROM DBSTAT('main')",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM sqlite_stmt",
        "SELECT * FROM bytecode('SELECT 1')",
        "SELECT * FROM fts3tokenize('simple', 'x')",
    ]);
    let storage = storage();
    exec(&storage, "CREATE VIRTUAL TABLE d USING FtS5(a, tokenize = porter)")?;
    exec(&storage, "INSERT INTO d VALUES ('one two'), ('three')")?;
    assert_eq!(number(&storage, "SELECT count(*) FROM d WHERE d MATCH 'two' AND bm25(d) < 1"), 1);
    exec(&storage, "CREATE VIRTUAL TABLE v USING fts5vocab('d', 'row')")?;
    exec(&storage, "CREATE VIRTUAL TABLE r USING rtree_i32(id, a, b)")?;
    storage.commit()?;
    exec(&storage, "DROP TABLE d")?;
    Ok(())
}

#[test]
fn shadow_tables_and_the_schema_cannot_be_written() -> Result<()> {
    let storage = storage();
    exec(&storage, "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('one')")?;
    for query in [
        "UPDATE f_data SET block = x'00'",
        "DROP TABLE f_content",
        "UPDATE sqlite_schema SET sql = ''",
        "DELETE FROM sqlite_master",
        "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'x')",
        "CREATE TABLE sqlite_mine(a)",
    ] {
        refusal(&storage, query);
    }
    assert_eq!(number(&storage, "SELECT count(*) FROM f('one')"), 1);
    Ok(())
}

#[test]
fn unlisted_pragmas_are_refused() {
    let storage = storage();
    for pragma in [
        "journal_mode",
        "journal_mode=DELETE",
        "synchronous=OFF",
        "max_page_count=9",
        "user_version",
        "application_id=1",
        "writable_schema=ON",
        "integrity_check",
        "locking_mode=NORMAL",
        "mmap_size=0",
        "cache_size=1",
        "encoding",
        "database_list",
        "compile_options",
        "trusted_schema=ON",
        "query_only=ON",
        "hard_heap_limit=1",
        "soft_heap_limit=1",
        "temp_store=1",
        "wal_checkpoint",
        "nonsense",
        "data_version=5",
        "page_size=8192",
        "foreign_keys=onx",
        "foreign_keys=2",
        "table_info",
        "optimize=x",
    ] {
        assert_eq!(refusal(&storage, &format!("PRAGMA {pragma}")), DENIED, "{pragma}");
    }
    refusal(&storage, "SELECT file FROM pragma_database_list");
    exec(&storage, "CREATE VIEW d AS SELECT file FROM pragma_database_list").ok();
    refusal(&storage, "SELECT * FROM d");
}

#[test]
fn listed_pragmas_work() -> Result<()> {
    let storage = storage();
    exec(&storage, "CREATE INDEX i ON t(a)")?;
    for pragma in [
        "table_info(t)",
        "table_xinfo('t')",
        "table_list",
        "index_list(t)",
        "index_info(i)",
        "index_xinfo(i)",
        "foreign_key_list(t)",
        "foreign_key_check",
        "foreign_key_check(t)",
        "quick_check",
        "quick_check(1)",
        "quick_check(t)",
        "optimize",
        "optimize=0x10002",
        "recursive_triggers",
        "recursive_triggers=On",
        "case_sensitive_like='yes'",
        "data_version",
    ] {
        exec(&storage, &format!("PRAGMA {pragma}"))
            .unwrap_or_else(|error| panic!("{pragma}: {error}"));
    }
    assert_eq!(number(&storage, "PRAGMA page_size"), 4096);
    assert_eq!(exec(&storage, "SELECT name FROM pragma_table_info('t')")?.len(), 1);
    exec(&storage, "ANALYZE")?;
    exec(&storage, "REINDEX i")?;
    storage.sync()
}

#[test]
fn unlisted_functions_are_refused() {
    let storage = storage();
    for function in ["sqlite_version()", "sqlite_source_id()", "sqlite_compileoption_get(0)"] {
        let name = function.split('(').next().unwrap_or_default();
        let message = refusal(&storage, &format!("SELECT {function}"));
        assert!(message.contains(&format!("not authorized to use function: {name}")), "{message}");
    }
    for function in
        ["load_extension('x')", "fts3_tokenizer('simple')", "readfile('x')", "sqlite_offset(a)"]
    {
        refusal(&storage, &format!("SELECT {function} FROM t"));
    }
}

#[test]
fn ordinary_sql_is_allowed() -> Result<()> {
    let storage = storage();
    for query in [
        "SELECT json_extract('{\"a\":[1]}', '$.a[0]'), '{}' -> '$', json_group_array(a) FROM t",
        "SELECT key, value FROM json_each('{\"x\":1}')",
        "SELECT date('now'), current_timestamp, strftime('%Y', 0, 'unixepoch'), unixepoch('1970-01-02')",
        "SELECT count(a), sum(a), group_concat(a, '-'), string_agg(a, '+') FROM t",
        "SELECT row_number() OVER (ORDER BY a), lag(a) OVER (ORDER BY a) FROM t",
        "SELECT iif(1, 2, 3), coalesce(NULL, 1), printf('%d', 1), hex(randomblob(2)), quote('x')",
        "SELECT abs(-1), round(2.567, 1), random(), instr('abc', 'b'), replace('a', 'a', 'b')",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING a",
        "CREATE TABLE n(id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT NOT NULL UNIQUE, g INTEGER AS (id * 10)) STRICT",
        "CREATE TABLE p(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = new.a + 1; END",
        "INSERT INTO t VALUES (5)",
        "SELECT * FROM v",
        "SELECT type, name FROM sqlite_schema",
        "ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'd'",
        "ALTER TABLE t RENAME COLUMN b TO c",
        "ALTER TABLE t DROP COLUMN c",
        "DROP TRIGGER g",
        "DROP VIEW v",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
    ] {
        exec(&storage, query).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
    storage.sync()
}
