use std::time::Duration;

use rusqlite::Connection;

use super::{exec, exec_with, memory, refusal};
use crate::cpu::ThreadClock;
use crate::error::Result;
use crate::value::Value;

/// What SQLite itself answers.
fn sqlite(query: &str) -> Value {
    let database = Connection::open_in_memory().expect("opens");
    database
        .query_row(query, [], |row| {
            Ok(match row.get(0)? {
                rusqlite::types::Value::Null => Value::Null,
                rusqlite::types::Value::Integer(n) => Value::Int(n),
                rusqlite::types::Value::Real(n) => Value::Float(n),
                rusqlite::types::Value::Text(text) => Value::String(text),
                rusqlite::types::Value::Blob(bytes) => Value::Bytes(bytes),
            })
        })
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

#[test]
fn text_functions_answer_as_sqlites_own_do() -> Result<()> {
    let storage = memory();
    let values = [
        "NULL",
        "''",
        "'a'",
        "'b'",
        "'aXbXa'",
        "'  a  '",
        "'äöü€😀'",
        "'ü'",
        "'€'",
        "1",
        "12.5",
        "-0.0",
        "'12'",
        "x''",
        "x'6162'",
        "x'62'",
        "'ab cd'",
        "'c3a4'",
        "'AB-cd- '",
        "'-'",
        "'- '",
        "'abc'",
        "'aa'",
        "'aaaa'",
        "' '",
        "'0x12'",
        "9223372036854775807",
        "'12.50'",
    ];
    for a in values {
        for f in ["trim", "ltrim", "rtrim", "unhex"] {
            let query = format!("SELECT {f}({a})");
            assert_eq!(
                format!("{:?}", exec(&storage, &query)?[0][0]),
                format!("{:?}", sqlite(&query)),
                "{query}"
            );
        }
        for b in values {
            for f in ["trim", "ltrim", "rtrim", "unhex", "instr"] {
                let query = format!("SELECT {f}({a}, {b})");
                assert_eq!(
                    format!("{:?}", exec(&storage, &query)?[0][0]),
                    format!("{:?}", sqlite(&query)),
                    "{query}"
                );
            }
            for c in ["NULL", "''", "'--'", "7", "x'ff'"] {
                let query =
                    format!("SELECT hex(replace({a}, {b}, {c})), typeof(replace({a}, {b}, {c}))");
                assert_eq!(exec(&storage, &query)?[0][0], sqlite(&query), "{query}");
            }
        }
    }
    Ok(())
}

#[test]
fn mathematics_is_there() -> Result<()> {
    let storage = memory();
    let cases = [
        ("cos(0)", "1.0"),
        ("abs(-123)", "123"),
        ("pow(2, 10)", "1024.0"),
        ("power('3', 2)", "9.0"),
        ("sqrt(16)", "4.0"),
        ("sqrt(-1)", "null"),
        ("ceil(1.2)", "2.0"),
        ("ceil(7)", "7"),
        ("floor(-1.2)", "-2.0"),
        ("ceiling('1.5')", "2.0"),
        ("trunc(-1.7)", "-1.0"),
        ("mod(7, 4)", "3.0"),
        ("mod(7, 0)", "null"),
        ("log(100)", "2.0"),
        ("log10(1000)", "3.0"),
        ("log2(8)", "3.0"),
        ("log(2, 8)", "3.0"),
        ("log(1, 8)", "null"),
        ("ln(0)", "null"),
        ("ln(1)", "0.0"),
        ("exp(0)", "1.0"),
        ("degrees(pi())", "180.0"),
        ("round(radians(180), 5)", "3.14159"),
        ("atan2(0, 1)", "0.0"),
        ("sin(NULL)", "null"),
        ("sin('x')", "null"),
        ("sin(x'31')", "null"),
        ("tanh(0)", "0.0"),
        ("acosh(1)", "0.0"),
        ("asinh(0)", "0.0"),
        ("atanh(0)", "0.0"),
    ];
    for (call, expected) in cases {
        let rows = exec(&storage, &format!("SELECT json_quote({call})"))?;
        assert_eq!(rows, [[Value::String(expected.into())]], "{call}");
    }
    exec(
        &storage,
        "CREATE TABLE t(a, b AS (floor(a)) STORED); CREATE INDEX i ON t(sqrt(a), replace(a, 'x', 'y'))",
    )?;
    exec(&storage, "INSERT INTO t(a) VALUES (4)")?;
    Ok(())
}

#[test]
fn json_patch_answers_as_sqlites_own_does() -> Result<()> {
    let storage = memory();
    for call in [
        r#"json_patch('{"a":1,"b":2.50}', '{"b":null,"c":[1,{"d":1e5}]}')"#,
        r#"json_patch('{a:1, /* JSON5 */ b:{c:0x1F}}', '{"b":{"c":{"d":1}}}')"#,
        r#"json_patch('[1,2]', '{"a":"x:y:z"}')"#,
        r#"json_patch('{"a":1}', '3')"#,
        "json_patch(NULL, '{}')",
        "json_patch('{}', NULL)",
        "json_patch(5, '{}')",
        r#"json_patch(jsonb('{"a":1}'), jsonb('{"b":[]}'))"#,
        r#"json_object('x', json_patch('{"a":1}', '{"b":2}'))"#,
        r#"json_patch(json_patch('{}', '{"a":1}'), '{"b":2}') ->> '$.b'"#,
    ] {
        let query = format!("SELECT {call}");
        assert_eq!(exec(&storage, &query)?, [[sqlite(&query)]], "{call}");
    }
    assert!(refusal(&storage, "SELECT json_patch('{', '{}')").contains("malformed JSON"));
    Ok(())
}

#[test]
fn json_patch_refuses_what_would_take_long() -> Result<()> {
    let storage = memory();
    exec(
        &storage,
        "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
         SELECT json_group_object('k' || i, i) AS a, json_group_object('l' || i, i) AS b FROM n",
    )?;
    let message = refusal(&storage, "SELECT json_patch(a, b) FROM big");
    assert!(message.contains("json_patch() with 50000 members for"), "{message}");
    let message = refusal(&storage, "SELECT json_patch(jsonb(a), jsonb(b)) FROM big");
    assert!(message.contains("takes too long"), "{message}");
    // What is within the bound works on large values, too.
    let one = exec(&storage, r#"SELECT json_patch(a, '{"k7":"new"}') ->> '$.k7' FROM big"#)?;
    assert_eq!(one, [[Value::String("new".into())]]);
    Ok(())
}

#[test]
fn no_function_stalls() {
    let storage = memory();
    for call in [
        "instr(hex(zeroblob(400000)), printf('%s1', hex(zeroblob(200000))))",
        "length(replace(hex(zeroblob(400000)), printf('%s1', hex(zeroblob(200000))), 'x'))",
        "length(replace(hex(zeroblob(400000)), '0', 'xxxx'))",
        "length(trim(hex(zeroblob(300000)), replace(hex(zeroblob(100000)), '0', 'a') || '0'))",
        "length(rtrim(hex(zeroblob(300000)), replace(hex(zeroblob(100000)), '0', 'a') || '0'))",
        "unhex(replace(hex(zeroblob(300000)), '0', 'xy'), replace(hex(zeroblob(300000)), '0', 'yx'))",
        "hex(zeroblob(500000)) LIKE '%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%1'",
        "hex(zeroblob(500000)) GLOB '*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*1'",
    ] {
        // CPU time, because others may have the processor; without a bound these take minutes.
        let clock = ThreadClock::current();
        let before = clock.read();
        exec(&storage, &format!("SELECT {call}")).unwrap_or_else(|error| panic!("{call}: {error}"));
        let used = clock.read().zip(before).map(|(after, before)| after - before);
        assert!(used < Some(Duration::from_secs(2)), "{call} took {used:?}");
    }
    assert!(
        refusal(&storage, "SELECT replace(hex(zeroblob(1000000)), '0', '0123456789')")
            .contains("SQLITE_TOOBIG")
    );
}

#[test]
fn jsonb_patch_is_bounded_as_json_patch_is() {
    let storage = memory();
    let patch = |count: usize| {
        let members = (0..count).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
        let text = Value::String(format!("{{{members}}}"));
        let rows = exec_with(&storage, "SELECT json(jsonb_patch(?1, ?1)) = ?1", vec![text]);
        rows.map(|rows| rows[0][0].clone())
    };
    assert_eq!(patch(1000), Ok(Value::Int(1)));
    let error = patch(20_000).expect_err("takes too long");
    assert!(error.message().starts_with("jsonb_patch() with 20000 members for "), "{error}");
    let query =
        "SELECT typeof(jsonb_patch('{}', '{}')), jsonb_patch(NULL, '{}'), jsonb_patch('x', 'y')";
    assert_eq!(refusal(&storage, query), "malformed JSON: SQLITE_ERROR");
}
