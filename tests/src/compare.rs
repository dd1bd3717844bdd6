//! Whether an outcome is what a step expects.

use facetbox::{Error, ErrorCode, Response, Value};

use crate::vector::{ExpectedResponse, Throws};

/// Whether a value is the expected one.
///
/// Numbers compare by value, maps regardless of order, null equals undefined. An expected value that
/// spells undefined or minus zero is met by nothing else.
pub fn value_matches(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Undefined, got) => matches!(got, Value::Undefined),
        (Value::Float(zero), got) if *zero == 0.0 && zero.is_sign_negative() => {
            matches!(got, Value::Float(n) if *n == 0.0 && n.is_sign_negative())
        }
        (Value::List(expected), Value::List(got)) | (Value::Set(expected), Value::Set(got)) => {
            expected.len() == got.len()
                && expected.iter().zip(got).all(|(expected, got)| value_matches(expected, got))
        }
        (Value::Map(expected), Value::Map(got)) => {
            let meets = |(key, value): (&str, &Value)| {
                got.get(key).is_some_and(|got| value_matches(value, got))
            };
            expected.len() == got.len() && expected.iter().all(meets)
        }
        (expected, got) => expected == got,
    }
}

/// Whether an error is the expected one. A bug of the product never is.
pub fn error_matches(expected: &Throws, got: &Error) -> bool {
    let equal = |expected: &Option<String>, got: &str| expected.as_ref().is_none_or(|e| e == got);
    let part = expected.message_contains.as_deref().unwrap_or_default();
    let one_of = |codes: &Vec<String>| codes.iter().any(|code| code == got.code().name());
    got.code() != ErrorCode::Panic
        && equal(&expected.code, got.code().name())
        && expected.code_any.as_ref().is_none_or(one_of)
        && equal(&expected.name, got.name())
        && equal(&expected.message, got.message())
        && got.message().contains(part)
}

/// Whether a response is the expected one.
pub fn response_matches(expected: &ExpectedResponse, got: &Response) -> bool {
    expected.status.is_none_or(|status| status == got.status())
        && expected.body.as_ref().is_none_or(|body| *body == got.body_text())
        && expected
            .headers
            .iter()
            .all(|(name, value)| got.headers.get(name).as_ref() == Some(value))
}

#[cfg(test)]
mod tests {
    use facetbox::ValueMap;

    use super::*;

    #[test]
    fn numbers_compare_by_value_and_maps_regardless_of_order() {
        assert!(value_matches(&Value::Int(1), &Value::Float(1.0)));
        assert!(!value_matches(&Value::Int(1), &"1".into()));
        let map = |pairs: [(&str, i32); 2]| Value::Map(ValueMap::from_iter(pairs));
        assert!(value_matches(&map([("a", 1), ("b", 2)]), &map([("b", 2), ("a", 1)])));
        assert!(!value_matches(&map([("a", 1), ("b", 2)]), &map([("a", 1), ("c", 2)])));
    }

    #[test]
    fn undefined_and_minus_zero_are_met_by_themselves_only() {
        assert!(value_matches(&Value::Null, &Value::Undefined));
        assert!(!value_matches(&Value::Undefined, &Value::Null));
        assert!(value_matches(&Value::Float(-0.0), &Value::Float(-0.0)));
        assert!(!value_matches(&Value::Float(-0.0), &Value::Int(0)));
        let list = |item: Value| Value::List(vec![item]);
        assert!(!value_matches(&list(Value::Undefined), &list(Value::Null)));
    }

    #[test]
    fn a_panic_is_no_expected_error() {
        let any = Throws { any: true, ..Throws::default() };
        assert!(error_matches(&any, &Error::guest("Error", "x")));
        assert!(!error_matches(&any, &Error::new(ErrorCode::Panic, "x")));
    }
}
