//! Values as JSON text, with spellings for what JSON lacks.
//!
//! | spelling | value |
//! |---|---|
//! | `{"$undefined": true}` | undefined |
//! | `{"$float": "NaN"}`, `"Infinity"`, `"-Infinity"`, `"-0"` | the double |
//! | `{"$bigint": "123"}` | a big integer, in decimal digits |
//! | `{"$bytes": "AQI="}` | bytes, in base64 |
//! | `{"$date": 1700000000000}` | a time in Unix milliseconds; null for an invalid one |
//! | `{"$set": [...]}` | a set |
//! | `{"$map": [[key, value], ...]}` | a map with keys of any type |
//! | `{"$error": {"name": ..., "message": ...}}` | an error; with `"cause"` if it has one |
//! | `{"$request": {"method": ..., "url": ..., "headers": [[name, value], ...], "body": ...}}` | a request |
//! | `{"$response": {"status": ..., "headers": ..., "body": ...}}` | a response |
//! | `{"$headers": [[name, value], ...]}` | headers |
//! | `{"$object": {...}}` | a map that would read as one of these spellings |

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use num_bigint::BigInt;
use serde_json::{Map, Value as Json, json};

use crate::error::{Error, ErrorCode, Result};
use crate::http::{Headers, Request, Response};
use crate::value::{Value, ValueMap};

impl Value {
    /// Writes the value as JSON; [`Value::from_json`] reads it back. What JSON lacks is spelled as a
    /// map with one key: `$undefined`, `$float`, `$bigint`, `$bytes`, `$date`, `$set`, `$map`,
    /// `$error`, `$request`, `$response`, `$headers`.
    ///
    /// ```
    /// use facetbox::Value;
    ///
    /// let value = Value::List(vec![1.into(), f64::NAN.into(), vec![1u8, 2].into()]);
    /// let text = value.to_json()?;
    /// assert_eq!(text, r#"[1,{"$float":"NaN"},{"$bytes":"AQI="}]"#);
    /// assert_eq!(Value::from_json(&text)?, value);
    /// assert!(Value::from_json("[1,").is_err());
    /// # Ok::<(), facetbox::Error>(())
    /// ```
    ///
    /// # Errors
    /// VALUE_ERROR for functions, stubs and other capabilities, and for too deep nesting.
    pub fn to_json(&self) -> Result<String> {
        self.check_depth()?;
        Ok(write(self)?.to_string())
    }

    /// Reads a value from JSON. Whole numbers of 64 bits stay exact; larger ones are read as doubles,
    /// as every JSON reader does, unless they are spelled `{"$bigint": "..."}`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `SyntaxError`) for what is no JSON or is nested too deep; VALUE_ERROR for
    /// a spelling with wrong contents.
    pub fn from_json(text: &str) -> Result<Value> {
        let json = serde_json::from_str(text).map_err(|e| {
            Error::named(ErrorCode::InvalidArgument, "SyntaxError", format!("Invalid JSON: {e}."))
        })?;
        read(json)
    }
}

fn write(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Undefined => json!({ "$undefined": true }),
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => Json::from(*n),
        Value::Float(n) => write_float(*n),
        Value::String(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) | Value::View(_, bytes) => json!({ "$bytes": BASE64.encode(bytes) }),
        Value::List(items) => write_all(items)?,
        Value::Map(map) => write_map(map)?,
        Value::Dict(entries) => {
            let pair = |(k, v): &(Value, Value)| Ok(Json::Array(vec![write(k)?, write(v)?]));
            json!({ "$map": entries.iter().map(pair).collect::<Result<Vec<_>>>()? })
        }
        Value::Set(items) => json!({ "$set": write_all(items)? }),
        Value::Date(time) if time.fract() == 0.0 && time.abs() < 9e15 => {
            json!({ "$date": *time as i64 })
        }
        Value::Date(time) => json!({ "$date": *time }),
        Value::BigInt(n) => json!({ "$bigint": n.to_string() }),
        Value::Error(error) => json!({ "$error": write_error(error)? }),
        Value::Request(request) => json!({ "$request": write(&request.to_value())? }),
        Value::Response(response) => json!({ "$response": write(&response.to_value())? }),
        Value::Headers(headers) => json!({ "$headers": write(&headers.to_value())? }),
        Value::Function(_)
        | Value::Object(_)
        | Value::Stub(_)
        | Value::Class(_)
        | Value::Namespace(_)
        | Value::Loader(_) => {
            let message = format!("A {} has no JSON form.", value.type_name());
            return Err(Error::new(ErrorCode::ValueError, message));
        }
    })
}

fn write_error(error: &Error) -> Result<Json> {
    let mut fields = json!({ "name": error.name(), "message": error.message() });
    if let Some(cause) = error.cause() {
        fields["cause"] = write(cause)?;
    }
    Ok(fields)
}

fn write_float(n: f64) -> Json {
    match n {
        n if n.is_nan() => json!({ "$float": "NaN" }),
        f64::INFINITY => json!({ "$float": "Infinity" }),
        f64::NEG_INFINITY => json!({ "$float": "-Infinity" }),
        n if n == 0.0 && n.is_sign_negative() => json!({ "$float": "-0" }),
        n => Json::from(n),
    }
}

fn write_all(items: &[Value]) -> Result<Json> {
    items.iter().map(write).collect::<Result<Vec<_>>>().map(Json::Array)
}

fn write_map(map: &ValueMap) -> Result<Json> {
    let entries = map.iter().map(|(key, value)| Ok((key.to_owned(), write(value)?)));
    let object = entries.collect::<Result<Map<_, _>>>()?;
    Ok(match spelling(&object) {
        Some(_) => json!({ "$object": object }),
        None => Json::Object(object),
    })
}

/// The key of a map that spells something JSON lacks.
fn spelling(object: &Map<String, Json>) -> Option<&str> {
    const KEYS: [&str; 12] = [
        "$undefined",
        "$float",
        "$bigint",
        "$bytes",
        "$date",
        "$set",
        "$map",
        "$error",
        "$request",
        "$response",
        "$headers",
        "$object",
    ];
    let key = object.keys().next().filter(|_| object.len() == 1)?;
    KEYS.contains(&key.as_str()).then_some(key)
}

fn read(json: Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(b),
        Json::Number(n) => match n.as_i64() {
            Some(n) => Value::Int(n),
            None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::List(read_all(items)?),
        Json::Object(object) => match spelling(&object).map(str::to_owned) {
            Some(key) => {
                let inner = object.into_values().next().unwrap_or_default();
                read_spelled(&key, inner)?
            }
            None => read_map(object)?,
        },
    })
}

fn read_all(items: Vec<Json>) -> Result<Vec<Value>> {
    items.into_iter().map(read).collect()
}

fn read_map(object: Map<String, Json>) -> Result<Value> {
    let mut map = ValueMap::with_capacity(object.len());
    for (key, json) in object {
        map.push(key, read(json)?);
    }
    Ok(Value::Map(map))
}

fn read_spelled(key: &str, inner: Json) -> Result<Value> {
    let value = match (key, inner) {
        ("$undefined", Json::Bool(true)) => Some(Value::Undefined),
        ("$float", Json::String(text)) => read_float(&text).map(Value::Float),
        ("$bigint", Json::String(text)) => text.parse::<BigInt>().ok().map(Value::BigInt),
        ("$bytes", Json::String(text)) => BASE64.decode(text).ok().map(Value::Bytes),
        ("$date", Json::Null) => Some(Value::Date(f64::NAN)),
        ("$date", Json::Number(n)) => n.as_f64().map(Value::Date),
        ("$set", Json::Array(items)) => Some(Value::Set(read_all(items)?)),
        ("$map", Json::Array(pairs)) => {
            pairs.into_iter().map(read_pair).collect::<Result<Option<_>>>()?.map(Value::Dict)
        }
        ("$error", Json::Object(fields)) => read_error(fields)?,
        ("$request", fields) => Request::from_value(&read(fields)?).ok().map(Value::from),
        ("$response", fields) => Response::from_value(&read(fields)?).ok().map(Value::from),
        ("$headers", fields) => Headers::from_value(&read(fields)?).ok().map(Value::from),
        ("$object", Json::Object(object)) => Some(read_map(object)?),
        _ => None,
    };
    value.ok_or_else(|| {
        let message = format!("{{\"{key}\": ...}} has contents of a wrong type or form.");
        Error::new(ErrorCode::ValueError, message)
    })
}

fn read_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        "-0" => Some(-0.0),
        _ => None,
    }
}

fn read_pair(pair: Json) -> Result<Option<(Value, Value)>> {
    let Json::Array(pair) = pair else { return Ok(None) };
    let Ok([key, value]) = <[Json; 2]>::try_from(pair) else { return Ok(None) };
    Ok(Some((read(key)?, read(value)?)))
}

fn read_error(mut fields: Map<String, Json>) -> Result<Option<Value>> {
    let cause = fields.remove("cause").map(read).transpose()?;
    let text = |key| fields.get(key).and_then(Json::as_str);
    let (Some(name), Some(message)) = (text("name"), text("message")) else { return Ok(None) };
    let error = Error::guest(name, message);
    Ok(Some(Value::Error(match cause {
        Some(cause) => error.with_cause(cause),
        None => error,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) {
        let value = Value::from_json(text).unwrap();
        assert_eq!(value.to_json().unwrap(), text);
    }

    #[test]
    fn every_spelling_round_trips() {
        for text in [
            "null",
            "[true,-9223372036854775808,9223372036854775807,0.1,\"é\"]",
            r#"{"z":1,"a":{"b":[]}}"#,
            r#"{"$undefined":true}"#,
            r#"[{"$float":"NaN"},{"$float":"Infinity"},{"$float":"-Infinity"},{"$float":"-0"}]"#,
            r#"{"$bigint":"-340282366920938463463374607431768211456"}"#,
            r#"[{"$bytes":""},{"$bytes":"//4="}]"#,
            r#"[{"$date":-62135596800000},{"$date":0.5},{"$date":null}]"#,
            r#"{"$set":[1,{"$set":[]}]}"#,
            r#"{"$map":[[[1],"x"],[{"$map":[]},null]]}"#,
            r#"{"$error":{"name":"RangeError","message":"x"}}"#,
            r#"{"$error":{"name":"Error","message":"x","cause":{"$error":{"name":"E","message":"y","cause":1}}}}"#,
            r#"{"$request":{"method":"POST","url":"http://a/b","headers":[["x","1"]],"body":{"$bytes":"AQI="}}}"#,
            r#"[{"$response":{"status":204,"headers":[],"body":null}},{"$headers":[["x","1"],["x","2"]]}]"#,
            r#"{"$object":{"$bytes":"not a spelling"}}"#,
            r#"{"$bytes":"two keys","$date":1}"#,
        ] {
            round_trip(text);
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert!(matches!(Value::from_json("1").unwrap(), Value::Int(1)));
        assert!(matches!(Value::from_json("1.0").unwrap(), Value::Float(1.0)));
        assert!(matches!(Value::from_json("9223372036854775808").unwrap(), Value::Float(_)));
    }

    #[test]
    fn wrong_text_and_wrong_spellings_are_refused() {
        let code = |text: &str| Value::from_json(text).unwrap_err().code();
        for text in ["", "[1,", "{'a':1}", &"[".repeat(1000)] {
            assert_eq!(code(text), ErrorCode::InvalidArgument, "{text}");
        }
        for text in [
            r#"{"$bytes":"*"}"#,
            r#"{"$float":"1"}"#,
            r#"{"$bigint":1}"#,
            r#"{"$map":[[1]]}"#,
            r#"{"$undefined":false}"#,
            r#"{"$error":{"name":"E"}}"#,
            r#"{"$headers":1}"#,
        ] {
            assert_eq!(code(text), ErrorCode::ValueError, "{text}");
        }
    }

    #[test]
    fn capabilities_have_no_json_form() {
        let function = crate::HostFunction::new("f", |_| Ok(Value::Null));
        let error = Value::List(vec![function.into()]).to_json().unwrap_err();
        assert_eq!(error.code(), ErrorCode::ValueError);
    }
}
