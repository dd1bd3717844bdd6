use num_bigint::BigInt;

use super::memory;
use crate::error::{Error, ErrorCode};
use crate::storage::codec::{Stored, read};
use crate::storage::raw::{Bind, Column};
use crate::value::{MAX_DEPTH, Value, ValueMap};
use crate::view::View;

fn column<'a>(bind: Bind<'a>) -> Column<'a> {
    match bind {
        Bind::Null => Column::Null,
        Bind::Int(n) => Column::Int(n),
        Bind::Float(n) => Column::Float(n),
        Bind::Text(bytes) => Column::Text(bytes),
        Bind::Blob(bytes) => Column::Blob(bytes),
    }
}

/// What the value is after it was stored, in full detail.
fn again(value: &Value) -> String {
    let stored = Stored::new(value).expect("can be stored");
    format!("{:?}", read(column(stored.bind())).expect("can be read"))
}

fn encoded(value: &Value) -> Vec<u8> {
    match Stored::new(value).expect("can be stored") {
        Stored::Encoded(bytes) => bytes,
        Stored::Own(_) => panic!("{value:?} is stored as SQLite's own type"),
    }
}

fn map(entries: &[(&str, Value)]) -> Value {
    let mut map = ValueMap::new();
    for (key, value) in entries {
        map.insert(*key, value.clone());
    }
    Value::Map(map)
}

fn samples() -> Vec<Value> {
    let error = Error::type_error("no").with_stack("main:1 f");
    vec![
        Value::Undefined,
        Value::Null,
        Value::Bool(true),
        Value::Bool(false),
        Value::Int(0),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(1.0),
        Value::Float(0.0),
        Value::Float(-0.0),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Float(f64::NEG_INFINITY),
        Value::Float(5e-324),
        Value::String(String::new()),
        Value::String("ünï😀\0after".into()),
        Value::Bytes(vec![]),
        Value::Bytes(vec![0, 255]),
        Value::View(View::ArrayBuffer, vec![0, 255, 1]),
        Value::View(View::BigUint64Array, vec![7; 16]),
        Value::List(vec![]),
        Value::List(vec![Value::Null, Value::Undefined, Value::Int(-1), Value::Float(-0.0)]),
        map(&[
            ("z", Value::Int(1)),
            ("a", Value::List(vec![Value::Bool(true)])),
            ("", Value::Null),
        ]),
        Value::Dict(vec![(Value::Int(2), Value::Null), (map(&[]), Value::Bytes(vec![1]))]),
        Value::Set(vec![Value::String("b".into()), Value::String("a".into())]),
        Value::Date(1.7e12),
        Value::Date(f64::NAN),
        Value::BigInt(BigInt::from(0)),
        Value::BigInt(BigInt::from(-1)),
        Value::BigInt("170141183460469231731687303715884105728".parse().expect("a number")),
        Value::BigInt("-18446744073709551617".parse().expect("a number")),
        Value::Error(Error::guest("MyError", "text")),
        Value::Error(error),
    ]
}

#[test]
fn every_kind_of_value_comes_back_exactly() {
    for value in samples() {
        assert_eq!(again(&value), format!("{value:?}"));
        let within = Value::List(vec![value]);
        assert_eq!(again(&within), format!("{within:?}"));
    }
}

#[test]
fn an_error_keeps_its_stack_code_and_cause() {
    let cause = Error::guest("RangeError", "far").with_cause(7);
    let error = Error::type_error("no").with_stack("main:1 f").with_cause(cause);
    let Ok(Value::Error(read)) = read(Column::Blob(&encoded(&Value::Error(error.clone())))) else {
        panic!("not an error");
    };
    assert_eq!(read.stack(), error.stack());
    let Some(Value::Error(cause)) = read.cause() else { panic!("not an error: {read:?}") };
    assert_eq!((cause.name(), cause.cause()), ("RangeError", Some(&Value::Int(7))));
    assert_eq!(read, error);
}

#[test]
fn the_bytes_are_as_documented() {
    let bytes = |value| encoded(&value);
    assert_eq!(bytes(Value::Undefined), [0xf7]);
    assert_eq!(bytes(Value::Bool(true)), [0xf5]);
    assert_eq!(bytes(Value::Float(-0.0)), [0xfb, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes(Value::Bytes(vec![7])), [0x41, 7]);
    let view = Value::View(View::Float32Array, vec![0, 0, 192, 63]);
    assert_eq!(bytes(view), [0xda, 0x46, 0x62, 0x00, 0xea, 0x82, 9, 0x44, 0, 0, 192, 63]);
    assert_eq!(bytes(Value::List(vec![Value::Int(-2), Value::Null])), [0x82, 0x21, 0xf6]);
    assert_eq!(bytes(map(&[("a", Value::Int(1))])), [0xa1, 0x61, b'a', 1]);
    assert_eq!(bytes(Value::Set(vec![])), [0xd9, 0x01, 0x02, 0x80]);
    assert_eq!(bytes(Value::Dict(vec![])), [0xd9, 0x01, 0x03, 0xa0]);
    assert_eq!(bytes(Value::Date(0.0))[..6], [0xda, 0x46, 0x62, 0x00, 0xe8, 0xfb]);
    assert_eq!(bytes(Value::BigInt(BigInt::from(256))), [0xc2, 0x42, 1, 0]);
    assert_eq!(bytes(Value::BigInt(BigInt::from(-1))), [0xc3, 0x40]);
    let error = Value::Error(Error::guest("E", "m"));
    let expected =
        [0xda, 0x46, 0x62, 0x00, 0xe9, 0x84, 0x19, 0x01, 0x2d, 0x61, b'E', 0x61, b'm', 0xf6];
    assert_eq!(bytes(error), expected);
}

#[test]
fn whole_numbers_texts_and_doubles_are_sqlites_own() {
    for value in [Value::Null, Value::Int(7), Value::Float(0.5), Value::String("x".into())] {
        assert!(matches!(Stored::new(&value), Ok(Stored::Own(_))), "{value:?}");
    }
}

#[test]
fn hostile_bytes_are_refused_without_harm() {
    let nested = |opening: &[u8], times| opening.repeat(times);
    let mut hostile: Vec<Vec<u8>> = vec![
        vec![],
        vec![0x00, 0x00], // bytes after the item
        vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // a list of 2^64 - 1 items
        vec![0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // as many entries
        vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // as many bytes
        vec![0x9f, 0xff], // indefinite lengths
        vec![0x5f, 0x41, 1, 0xff],
        vec![0xbf, 0xff],
        vec![0x61, 0xff],       // a text that isn't UTF-8
        vec![0xa1, 0x01, 0x01], // a map with a number as key
        vec![0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // beyond 64 bits
        vec![0xc1, 0x00],       // an unknown tag
        vec![0xda, 0x46, 0x62, 0x00, 0xe9, 0x80], // an error of no parts
        vec![0xda, 0x46, 0x62, 0x00, 0xea, 0x82, 9, 0x43, 0, 0, 0], // part of an item
        vec![0xda, 0x46, 0x62, 0x00, 0xea, 0x82, 13, 0x40], // an unknown view
        vec![0xe0],             // an unknown simple value
        vec![0xff],
        nested(&[0x81], 100_000),
        nested(&[0xd9, 0x01, 0x02, 0x81], 100_000),
        nested(&[0xa1, 0x60], 100_000),
        nested(&[0xd9, 0x01, 0x03, 0xa1], 100_000),
        nested(&[0xc2], 100_000),
    ];
    let long = encoded(&Value::List(samples()));
    hostile.extend((1..long.len()).map(|length| long[..length].to_vec()));
    for bytes in hostile {
        let error = read(Column::Blob(&bytes)).expect_err(&format!("{bytes:02x?}"));
        assert_eq!(error.code(), ErrorCode::Corrupt);
    }
}

#[test]
fn flipped_bits_never_panic() {
    let good = encoded(&Value::List(samples()));
    for position in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[position] ^= 1 << bit;
            let _ = read(Column::Blob(&bad));
        }
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth| (0..depth).fold(Value::Int(1), |value, _| Value::List(vec![value]));
    assert_eq!(again(&nested(MAX_DEPTH)), format!("{:?}", nested(MAX_DEPTH)));
    let error = Stored::new(&nested(MAX_DEPTH + 1)).err().expect("too deep");
    assert_eq!(error.code(), ErrorCode::ValueError);
}

#[test]
fn capabilities_are_refused_wherever_they_are() {
    use crate::rpc::HostFunction;
    let function = || Value::Function(HostFunction::new("f", |_| Ok(Value::Null)));
    for value in [function(), Value::List(vec![function()]), map(&[("f", function())])] {
        let error = memory().kv().put("k", &value).expect_err("refused");
        assert_eq!((error.code(), error.name()), (ErrorCode::ValueError, "DataCloneError"));
        assert!(error.message().contains("function"), "{error}");
    }
}

#[test]
fn requests_responses_and_headers_are_refused() {
    use crate::http::{Headers, Request, Response};
    let (request, response) = (Request::get("http://app/").unwrap(), Response::text("x"));
    for (value, kind) in [
        (Value::from(request), "request"),
        (Value::List(vec![response.into()]), "response"),
        (map(&[("h", Headers::new().into())]), "headers"),
    ] {
        let error = memory().kv().put("k", &value).expect_err("refused");
        assert_eq!((error.code(), error.name()), (ErrorCode::ValueError, "DataCloneError"));
        assert!(error.message().contains(kind), "{error}");
    }
}
