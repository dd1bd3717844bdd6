use super::{Files, exec, exists, memory, number, refusal};
use crate::error::{Error, ErrorCode, Result};
use crate::storage::{ListOptions, Storage};
use crate::value::{Value, ValueMap};

fn fill(storage: &Storage, keys: &[&str]) {
    for (index, key) in keys.iter().enumerate() {
        storage.kv().put(key, &Value::Int(index as i64)).expect("stored");
    }
}

fn keys(storage: &Storage, options: &[(&str, Value)]) -> Result<Vec<String>> {
    let options = options.iter().cloned().collect::<ValueMap>();
    let options = ListOptions::from_value(&Value::Map(options))?;
    storage.kv().list(&options)?.map(|entry| entry.map(|(key, _)| key)).collect()
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

#[test]
fn values_are_put_read_and_deleted() -> Result<()> {
    let storage = memory();
    let kv = storage.kv();
    assert_eq!(kv.get("a")?, None);
    assert!(!kv.delete("a")?);
    kv.put("a", &Value::Null)?;
    assert_eq!(kv.get("a")?, Some(Value::Null));
    kv.put("a", &text("x"))?;
    assert_eq!(kv.get("a")?, Some(text("x")));
    assert!(kv.delete("a")?);
    assert!(!kv.delete("a")?);
    assert_eq!(kv.get("a")?, None);
    Ok(())
}

#[test]
fn keys_are_exact_bytes() -> Result<()> {
    let storage = memory();
    let names = ["", " a", "A", "a", "a ", "a\0b", "a\0c", "%", "é", "e\u{301}", "\u{ffff}", "😀"];
    fill(&storage, &names);
    for (index, name) in names.iter().enumerate() {
        assert_eq!(storage.kv().get(name)?, Some(Value::Int(index as i64)), "{name:?}");
    }
    let mut sorted = names.map(str::to_owned).to_vec();
    sorted.sort_unstable();
    assert_eq!(keys(&storage, &[])?, sorted);
    sorted.reverse();
    assert_eq!(keys(&storage, &[("reverse", Value::Bool(true))])?, sorted);
    Ok(())
}

#[test]
fn a_list_covers_what_its_options_say() -> Result<()> {
    let storage = memory();
    fill(&storage, &["foo", "bar", "baz", "qux", "a%b", "axb"]);
    let on = Value::Bool(true);
    type Case<'a> = (&'a [(&'a str, Value)], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[], &["a%b", "axb", "bar", "baz", "foo", "qux"]),
        (&[("start", text("cat"))], &["foo", "qux"]),
        (&[("start", text("foo"))], &["foo", "qux"]),
        (&[("start", text("foo "))], &["qux"]),
        (&[("startAfter", text("foo"))], &["qux"]),
        (&[("startAfter", text("bar")), ("end", text("c"))], &["baz"]),
        (&[("end", text("baz"))], &["a%b", "axb", "bar"]),
        (&[("end", text(""))], &[]),
        (&[("start", text("b")), ("end", text("b"))], &[]),
        (&[("start", text("c")), ("end", text("a"))], &[]),
        (&[("prefix", text("ba"))], &["bar", "baz"]),
        (&[("prefix", text("a%"))], &["a%b"]),
        (&[("prefix", text(""))], &["a%b", "axb", "bar", "baz", "foo", "qux"]),
        (&[("prefix", text("ba")), ("start", text("bb"))], &[]),
        (&[("prefix", text("ba")), ("end", text("z"))], &["bar", "baz"]),
        (&[("prefix", text("ba")), ("end", text("baz"))], &["bar"]),
        (&[("prefix", text("ba")), ("startAfter", text("bar"))], &["baz"]),
        (&[("limit", Value::Int(2))], &["a%b", "axb"]),
        (&[("limit", Value::Float(1e300))], &["a%b", "axb", "bar", "baz", "foo", "qux"]),
        (&[("limit", Value::Int(2)), ("reverse", on.clone())], &["qux", "foo"]),
        (&[("reverse", on.clone()), ("start", text("foo"))], &["qux", "foo"]),
        (&[("reverse", on.clone()), ("end", text("foo")), ("limit", Value::Int(1))], &["baz"]),
        (&[("reverse", on), ("prefix", text("ba"))], &["baz", "bar"]),
        (
            &[("start", Value::Null), ("limit", Value::Undefined), ("other", Value::Int(1))],
            &["a%b", "axb", "bar", "baz", "foo", "qux"],
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(keys(&storage, options)?, *expected, "{options:?}");
    }
    Ok(())
}

#[test]
fn wrong_list_options_are_type_errors() {
    let storage = memory();
    let refused = |options: &[(&str, Value)]| {
        let error = keys(&storage, options).expect_err("refused");
        assert_eq!((error.code(), error.name()), (ErrorCode::InvalidArgument, "TypeError"));
        error.message().to_owned()
    };
    let both = refused(&[("start", text("a")), ("startAfter", text("a"))]);
    assert_eq!(both, "list() cannot be called with both start and startAfter values.");
    for limit in [Value::Int(0), Value::Int(-1), Value::Float(f64::NAN), Value::Float(0.5)] {
        assert_eq!(refused(&[("limit", limit)]), "List limit must be positive.");
    }
    assert!(refused(&[("limit", text("1"))]).contains("limit must be a number"));
    assert!(refused(&[("prefix", Value::Int(1))]).contains("prefix must be a string"));
    assert!(refused(&[("reverse", Value::Int(1))]).contains("reverse must be a boolean"));
    let whole = ListOptions::from_value(&Value::Int(1)).expect_err("no map");
    assert_eq!(whole.name(), "TypeError");
    let zero = ListOptions { limit: Some(0), ..ListOptions::default() };
    let error = storage.kv().list(&zero).err().expect("refused");
    assert_eq!(error.message(), "List limit must be positive.");
}

#[test]
fn a_new_list_ends_the_one_before_unless_it_is_empty() -> Result<()> {
    let storage = memory();
    fill(&storage, &["a", "b", "c"]);
    let all = ListOptions::default();
    let mut first = storage.kv().list(&all)?;
    assert!(first.next().expect("an entry").is_ok());
    let none = ListOptions { end: Some(String::new()), ..ListOptions::default() };
    assert!(storage.kv().list(&none)?.next().is_none());
    assert_eq!(first.next().expect("an entry")?.0, "b");
    let mut second = storage.kv().list(&all)?;
    let error = first.next().expect("an error").expect_err("invalidated");
    assert_eq!(
        error.message(),
        "kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time."
    );
    assert!(first.next().is_none());
    assert_eq!(second.next().expect("an entry")?.0, "a");
    Ok(())
}

#[test]
fn a_long_list_is_complete_while_it_is_deleted() -> Result<()> {
    let storage = memory();
    let names: Vec<_> = (0..1234).map(|n| format!("k{n:04}")).collect();
    for name in &names {
        storage.kv().put(name, &Value::Null)?;
    }
    let mut seen = Vec::new();
    for entry in storage.kv().list(&ListOptions::default())? {
        let key = entry?.0;
        storage.kv().delete(&key)?;
        seen.push(key);
    }
    assert_eq!(seen, names);
    assert_eq!(keys(&storage, &[])?, Vec::<String>::new());
    Ok(())
}

#[test]
fn long_values_are_listed_in_small_pieces() -> Result<()> {
    let storage = memory();
    for key in ["a", "b", "c"] {
        storage.kv().put(key, &text(&"x".repeat(100_000)))?;
    }
    for reverse in [false, true] {
        let options = ListOptions { reverse, ..ListOptions::default() };
        assert_eq!(storage.kv().list(&options)?.count(), 3);
    }
    Ok(())
}

#[test]
fn undefined_is_not_stored() {
    let error = memory().kv().put("a", &Value::Undefined).expect_err("refused");
    assert_eq!(error.name(), "TypeError");
    assert_eq!(error.message(), "put() called with undefined value.");
}

#[test]
fn too_big_a_key_or_value_is_refused_and_harmless() -> Result<()> {
    let storage = memory();
    let big = "x".repeat((4 << 20) + 1);
    storage.kv().put("k", &text(&"x".repeat(4_000_000)))?;
    for (key, value) in
        [("k", text(&big)), ("k", Value::Bytes(big.clone().into_bytes())), (&big, Value::Null)]
    {
        let error = storage.kv().put(key, &value).expect_err("too big");
        assert_eq!(error.message(), "string or blob too big: SQLITE_TOOBIG");
        assert_eq!((error.name(), error.code()), ("Error", ErrorCode::Storage));
    }
    assert_eq!(storage.kv().get("k")?.map(|value| value.size()), Some(4_000_008));
    assert_eq!(storage.kv().get(&"k".repeat(5 << 20)).expect_err("too big").name(), "Error");
    Ok(())
}

#[test]
fn many_keys_are_read_written_and_deleted_at_once() -> Result<()> {
    let storage = memory();
    let kv = storage.kv();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let get_many = |names: &[&str]| {
        let mut found = Vec::new();
        kv.get_many(owned(names), |key, value| {
            found.push((key, value));
            Ok::<(), Error>(())
        })?;
        Ok::<_, Error>(found)
    };
    assert!(get_many(&["a"])?.is_empty());
    kv.put_many(&[
        ("b".into(), Value::Int(1)),
        ("u".into(), Value::Undefined),
        ("a".into(), Value::Int(2)),
    ])?;
    let found = get_many(&["b", "a", "b", "missing", "u"])?;
    assert_eq!(found, [("a".to_owned(), Value::Int(2)), ("b".to_owned(), Value::Int(1))]);
    assert_eq!(kv.delete_many(&owned(&["a", "a", "missing"]))?, 1);
    let big = text(&"x".repeat(5 << 20));
    kv.put_many(&[("c".into(), Value::Int(1)), ("d".into(), big)]).expect_err("too big");
    assert_eq!(keys(&storage, &[])?, ["b"]);
    Ok(())
}

#[test]
fn reading_creates_nothing_and_the_first_write_everything() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    assert_eq!(storage.kv().get("a")?, None);
    assert_eq!(storage.kv().list(&ListOptions::default())?.count(), 0);
    assert!(!storage.kv().delete("a")?);
    assert_eq!(number(&storage, "SELECT 41 + 1"), 42);
    exec(&storage, "PRAGMA table_list")?;
    exec(&storage, "SELECT * FROM nothing").expect_err("no such table");
    assert_eq!(storage.sql().database_size()?, 0);
    assert_eq!(storage.facet_names()?, []);
    storage.commit()?;
    assert!(!exists(&files.path()));
    storage.kv().put("a", &Value::Int(1))?;
    assert!(exists(&files.file()));
    let storage = files.reopen(&storage);
    assert_eq!(storage.kv().get("a")?, Some(Value::Int(1)));
    Ok(())
}

#[test]
fn any_sqlite_tool_reads_plain_values() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    storage.kv().put("n", &Value::Int(7))?;
    storage.kv().put("t", &text("hello"))?;
    storage.commit()?;
    storage.close();
    let database = rusqlite::Connection::open(files.file()).expect("opens");
    let read = |key: &str| {
        database.query_row("SELECT value FROM _fb_kv WHERE key = ?", [key], |row| {
            row.get::<_, rusqlite::types::Value>(0)
        })
    };
    assert_eq!(read("n"), Ok(rusqlite::types::Value::Integer(7)));
    assert_eq!(read("t"), Ok(rusqlite::types::Value::Text("hello".into())));
    Ok(())
}

/// Values that were read or written last are answered without SQL, through every way of losing them.
#[test]
fn what_is_read_again_is_what_the_database_holds() -> Result<()> {
    let storage = memory();
    let kv = storage.kv();
    let put = |value: i64| kv.put("k", &Value::Int(value));
    let reads = |value: Option<i64>| {
        assert_eq!(kv.get("k").expect("readable"), value.map(Value::Int));
    };
    put(1)?;
    reads(Some(1));
    storage.commit()?;

    put(2)?;
    reads(Some(2));
    storage.rollback();
    reads(Some(1));

    let failed = storage.transaction_sync(|| {
        put(3)?;
        reads(Some(3));
        Err::<(), _>(Error::guest("Error", "mine"))
    });
    assert!(failed.is_err());
    reads(Some(1));

    exec(&storage, "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")?;
    storage.commit()?;
    put(4)?;
    reads(Some(4));
    // SQLite drops the whole transaction.
    refusal(&storage, "INSERT OR ROLLBACK INTO t VALUES (1)");
    storage.rollback();
    reads(Some(1));

    assert!(kv.delete("k")?);
    reads(None);
    put(5)?;
    kv.put("k", &Value::List(vec![Value::Int(6)]))?;
    assert_eq!(kv.get("k")?, Some(Value::List(vec![Value::Int(6)])));
    put(7)?;
    reads(Some(7));
    storage.delete_all()?;
    reads(None);
    Ok(())
}
