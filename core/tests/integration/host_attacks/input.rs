//! Arguments and values of the host that are wrong in every way.

use facetbox::{ErrorCode, LimitsPatch, Result, Runtime, Value, ValueMap};

use crate::support::{app, assert_fails, own};

#[test]
fn f017_an_argument_of_200_levels_is_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, app("function App:echo(value) return value end"))?;
    let nest = |levels, inner: fn(Value) -> Value| (0..levels).fold(Value::Null, |v, _| inner(v));
    let list: fn(Value) -> Value = |value| Value::List(vec![value]);
    let map: fn(Value) -> Value = |value| Value::Map(ValueMap::from_iter([("a", value)]));
    let dict: fn(Value) -> Value = |value| Value::Dict(vec![(Value::Int(1), value)]);
    let set: fn(Value) -> Value = |value| Value::Set(vec![value]);
    for inner in [list, map, dict, set] {
        assert_fails(
            stub.call_blocking("echo", vec![nest(200, inner)]),
            ErrorCode::ValueError,
            "128",
        );
        stub.call_blocking("echo", vec![nest(100, inner)])?;
    }
    Ok(())
}

#[test]
fn f020_hostile_json_is_an_error_or_a_value() {
    let deep = "[".repeat(100_000);
    let closed = format!("{deep}{}", "]".repeat(100_000));
    let long = format!("\"{}", "x".repeat(100 << 20));
    for text in [
        deep.as_str(),
        &closed,
        &"{\"a\":".repeat(100_000),
        &long,
        "",
        "[1] trailing",
        "{\"a\":1}{\"b\":2}",
        "\"\\ud800\"",
        "{\"\\udc00\": 1}",
        "1e400",
        "-",
        "01",
        "NaN",
        "[1,]",
        "\"\u{1}\"",
    ] {
        assert_fails(Value::from_json(text), ErrorCode::InvalidArgument, "JSON");
    }
    let read = |text: &str| Value::from_json(text).unwrap();
    assert!(
        matches!(read("-0"), Value::Float(zero) if zero.is_sign_negative()),
        "{:?}",
        read("-0")
    );
    assert_eq!(read("9223372036854775807"), Value::Int(i64::MAX));
    assert_eq!(read("{\"\\u0000\": 1}"), Value::Map(ValueMap::from_iter([("\0", 1)])));
    assert_eq!(read("{\"a\": 1, \"a\": 2}"), Value::Map(ValueMap::from_iter([("a", 2)])));
}

#[test]
fn f020_spellings_with_wrong_contents_are_refused() {
    for text in [
        "{\"$bigint\": \"12x\"}",
        "{\"$bigint\": 12}",
        "{\"$bytes\": \"===\"}",
        "{\"$float\": \"1\"}",
        "{\"$date\": \"now\"}",
        "{\"$map\": [[1]]}",
        "{\"$set\": {}}",
        "{\"$undefined\": false}",
        "{\"$error\": 1}",
        "{\"$object\": 1}",
    ] {
        assert_fails(Value::from_json(text), ErrorCode::ValueError, "$");
    }
}

#[test]
fn f021_limits_that_are_no_limits_are_refused() {
    let two_to_64 = facetbox::BigInt::from(u64::MAX) + 1;
    for value in [
        Value::Int(0),
        Value::Int(-1),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Float(0.5),
        Value::Float(18_446_744_073_709_551_616.0),
        Value::BigInt(two_to_64),
        "100".into(),
        true.into(),
        Value::List(vec![]),
    ] {
        for key in ["cpuMs", "wallMs", "memoryBytes", "storageBytes", "subRequests", "facets"] {
            let limits = Value::Map(ValueMap::from_iter([(key, value.clone())]));
            assert_fails(LimitsPatch::from_value(&limits), ErrorCode::InvalidArgument, key);
        }
    }
    let byte = Value::Map(ValueMap::from_iter([("memoryBytes", 1)]));
    assert_fails(LimitsPatch::from_value(&byte), ErrorCode::InvalidArgument, "1048576");
    assert_fails(LimitsPatch::from_value(&7.into()), ErrorCode::InvalidArgument, "map");
}
