//! How a value is stored in the column `value` of `_fb_kv`.
//!
//! Null, whole numbers, doubles (but NaN and -0, which SQLite doesn't keep) and texts are stored as
//! SQLite's own NULL, INTEGER, REAL and TEXT. Everything else is a BLOB with one CBOR item
//! (RFC 8949), of definite lengths only. `xx` is a byte in hexadecimal, `<n>` an unsigned number
//! in CBOR's shortest form with the major type of what it counts:
//!
//! | Value     | Bytes                                                                      |
//! |-----------|----------------------------------------------------------------------------|
//! | undefined | `f7`                                                                       |
//! | null      | `f6` (within other values)                                                 |
//! | boolean   | `f4` false, `f5` true                                                      |
//! | integer   | major type 0 or 1                                                          |
//! | double    | `fb` and 8 bytes, big-endian IEEE 754                                      |
//! | text      | `<n>` major type 3, n bytes of UTF-8                                       |
//! | bytes     | `<n>` major type 2, n bytes                                                |
//! | view      | tag 1180827754 `da 46 62 00 ea`, then a list of 2: what the bytes are in   |
//! |           | JavaScript (0 ArrayBuffer, 1 DataView, 2 Int8Array, 3 Uint8ClampedArray,   |
//! |           | 4 Int16Array, 5 Uint16Array, 6 Int32Array, 7 Uint32Array, 8 Float16Array,  |
//! |           | 9 Float32Array, 10 Float64Array, 11 BigInt64Array, 12 BigUint64Array), and |
//! |           | bytes: the items, little-endian                                            |
//! | list      | `<n>` major type 4, n items                                                |
//! | map       | `<n>` major type 5, n times a text and an item, in order of insertion      |
//! | dict      | tag 259 `d9 01 03`, then like a map with keys of any kind                  |
//! | set       | tag 258 `d9 01 02`, then like a list                                       |
//! | date      | tag 1180827752 `da 46 62 00 e8`, then a double: Unix milliseconds          |
//! | bigint    | tag 2 `c2` (n >= 0) or 3 `c3` (then -1 - n), then bytes: big-endian n      |
//! | error     | tag 1180827753 `da 46 62 00 e9`, then a list of 4: code's number, name,    |
//! |           | message, stack or null                                                     |
//!
//! A reader refuses other items, nesting deeper than [`MAX_DEPTH`], lengths beyond the end and bytes
//! after the item.

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use num_bigint::{BigInt, BigUint, Sign};

use super::raw::{Bind, Column};
use crate::error::{Error, ErrorCode, Result};
use crate::value::{MAX_DEPTH, Value, ValueMap};
use crate::view::View;

const DICT: u64 = 259;
const SET: u64 = 258;
const POSITIVE: u64 = 2;
const NEGATIVE: u64 = 3;
const DATE: u64 = 0x4662_00e8;
const ERROR: u64 = 0x4662_00e9;
const VIEW: u64 = 0x4662_00ea;

/// A value ready to be bound: borrowed where SQLite has its type, else encoded.
pub(super) enum Stored<'a> {
    Own(Bind<'a>),
    Encoded(Vec<u8>),
}

impl<'a> Stored<'a> {
    /// Encodes a value.
    ///
    /// # Errors
    /// VALUE_ERROR for capabilities, requests, responses and headers, and for values nested too deeply.
    pub fn new(value: &'a Value) -> Result<Stored<'a>> {
        Ok(match value {
            Value::Null => Stored::Own(Bind::Null),
            Value::Int(n) => Stored::Own(Bind::Int(*n)),
            Value::Float(n) if !n.is_nan() && (*n != 0.0 || n.is_sign_positive()) => {
                Stored::Own(Bind::Float(*n))
            }
            Value::String(text) => Stored::Own(Bind::Text(text.as_bytes())),
            _ => {
                value.check_depth()?;
                let mut encoder = Encoder::new(Vec::new());
                encode(&mut encoder, value)?;
                Stored::Encoded(encoder.into_writer())
            }
        })
    }

    pub fn bind(&self) -> Bind<'_> {
        match self {
            Stored::Own(bind) => *bind,
            Stored::Encoded(bytes) => Bind::Blob(bytes),
        }
    }
}

/// Reads a value back.
///
/// # Errors
/// CORRUPT if the bytes weren't written by [`Stored`].
pub(super) fn read(column: Column<'_>) -> Result<Value> {
    Ok(match column {
        Column::Null => Value::Null,
        Column::Int(n) => Value::Int(n),
        Column::Float(n) => Value::Float(n),
        Column::Text(bytes) => Value::String(text(bytes)),
        Column::Blob(bytes) => {
            let mut decoder = Decoder::new(bytes);
            let value = decode(&mut decoder, 0).map_err(corrupt)?;
            if decoder.position() != bytes.len() {
                return Err(corrupt("there are bytes after its end"));
            }
            value
        }
    })
}

/// Text as SQLite has it, which is UTF-8 but where SQL made it from other bytes.
pub(super) fn text(bytes: &[u8]) -> String {
    // Checking at once is much faster than looking for the first wrong byte.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn corrupt(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::Corrupt, format!("A stored value can't be read: {reason}."))
}

type Writer = Encoder<Vec<u8>>;

fn encode(out: &mut Writer, value: &Value) -> Result<()> {
    write(out, value).map_err(|_| {
        // Writing to memory can't fail; what can't be stored is the only thing that has no form.
        let kind = unstorable(value).unwrap_or("value");
        let message =
            format!("Could not serialize a value of type \"{kind}\": it can't be stored.");
        Error::new(ErrorCode::ValueError, message)
    })
}

/// The kind of the first thing within a value that can't be stored.
fn unstorable(value: &Value) -> Option<&'static str> {
    match value {
        _ if !value.is_storable() => Some(value.type_name()),
        Value::List(items) | Value::Set(items) => items.iter().find_map(unstorable),
        Value::Map(map) => map.iter().find_map(|(_, item)| unstorable(item)),
        Value::Dict(entries) => {
            entries.iter().find_map(|(key, item)| unstorable(key).or_else(|| unstorable(item)))
        }
        Value::Error(error) => error.cause().and_then(unstorable),
        _ => None,
    }
}

type Failed = minicbor::encode::Error<std::convert::Infallible>;

fn write(out: &mut Writer, value: &Value) -> Result<(), Failed> {
    match value {
        Value::Undefined => out.undefined()?,
        Value::Null => out.null()?,
        Value::Bool(b) => out.bool(*b)?,
        Value::Int(n) => out.i64(*n)?,
        Value::Float(n) => out.f64(*n)?,
        Value::String(text) => out.str(text)?,
        Value::Bytes(bytes) => out.bytes(bytes)?,
        Value::View(view, bytes) => {
            out.tag(Tag::new(VIEW))?.array(2)?.u8(*view as u8)?.bytes(bytes)?
        }
        Value::List(items) => return write_items(out, items),
        Value::Set(items) => return write_items(out.tag(Tag::new(SET))?, items),
        Value::Map(map) => {
            out.map(map.len() as u64)?;
            for (key, item) in map.iter() {
                write(out.str(key)?, item)?;
            }
            out
        }
        Value::Dict(entries) => {
            out.tag(Tag::new(DICT))?.map(entries.len() as u64)?;
            for (key, item) in entries {
                write(out, key)?;
                write(out, item)?;
            }
            out
        }
        Value::Date(ms) => out.tag(Tag::new(DATE))?.f64(*ms)?,
        Value::BigInt(n) => {
            let (tag, magnitude) = match n.sign() {
                Sign::Minus => (NEGATIVE, n.magnitude() - 1u32),
                _ => (POSITIVE, n.magnitude().clone()),
            };
            let bytes = match magnitude.bits() {
                0 => Vec::new(),
                _ => magnitude.to_bytes_be(),
            };
            out.tag(Tag::new(tag))?.bytes(&bytes)?
        }
        Value::Error(error) => {
            let cause = error.cause();
            let parts = 4 + u64::from(cause.is_some());
            out.tag(Tag::new(ERROR))?.array(parts)?.i32(error.code() as i32)?;
            out.str(error.name())?.str(error.message())?;
            match error.stack() {
                Some(stack) => out.str(stack)?,
                None => out.null()?,
            };
            return cause.map_or(Ok(()), |cause| write(out, cause));
        }
        _ => return Err(Failed::message("what can't be stored")),
    };
    Ok(())
}

fn write_items(out: &mut Writer, items: &[Value]) -> Result<(), Failed> {
    out.array(items.len() as u64)?;
    items.iter().try_for_each(|item| write(out, item))
}

type Read<T> = Result<T, minicbor::decode::Error>;

fn refuse<T>(reason: &'static str) -> Read<T> {
    Err(minicbor::decode::Error::message(reason))
}

fn decode(input: &mut Decoder<'_>, depth: usize) -> Read<Value> {
    if depth > MAX_DEPTH {
        return refuse("it is nested too deeply");
    }
    Ok(match input.datatype()? {
        Type::Undefined => {
            input.undefined()?;
            Value::Undefined
        }
        Type::Null => {
            input.null()?;
            Value::Null
        }
        Type::Bool => Value::Bool(input.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Int(input.i64()?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Value::Int(input.i64()?),
        Type::F64 => Value::Float(input.f64()?),
        Type::String => Value::String(input.str()?.to_owned()),
        Type::Bytes => Value::Bytes(input.bytes()?.to_vec()),
        Type::Array => Value::List(items(input, depth)?),
        Type::Map => {
            let mut map = ValueMap::with_capacity(0);
            for _ in 0..length(input.map()?)? {
                let key = input.str()?.to_owned();
                map.push(key, decode(input, depth + 1)?);
            }
            Value::Map(map)
        }
        Type::Tag => tagged(input, depth)?,
        _ => return refuse("it has an item of an unknown kind"),
    })
}

fn tagged(input: &mut Decoder<'_>, depth: usize) -> Read<Value> {
    Ok(match input.tag()?.as_u64() {
        SET => Value::Set(items(input, depth)?),
        DICT => {
            let mut entries = Vec::new();
            for _ in 0..length(input.map()?)? {
                entries.push((decode(input, depth + 1)?, decode(input, depth + 1)?));
            }
            Value::Dict(entries)
        }
        DATE => Value::Date(input.f64()?),
        POSITIVE => Value::BigInt(BigUint::from_bytes_be(input.bytes()?).into()),
        NEGATIVE => Value::BigInt(-1 - BigInt::from(BigUint::from_bytes_be(input.bytes()?))),
        ERROR => Value::Error(error(input, depth)?),
        VIEW => view(input)?,
        _ => return refuse("it has an unknown tag"),
    })
}

fn view(input: &mut Decoder<'_>) -> Read<Value> {
    if input.array()? != Some(2) {
        return refuse("it has a view that isn't a list of 2");
    }
    match (View::of_number(input.u8()?), input.bytes()?) {
        (Some(view), bytes) if bytes.len() % view.item_bytes() == 0 => {
            Ok(Value::View(view, bytes.to_vec()))
        }
        _ => refuse("it has a view of an unknown kind or of part of an item"),
    }
}

/// Nothing is allocated for what a length claims, only for what is there.
fn items(input: &mut Decoder<'_>, depth: usize) -> Read<Vec<Value>> {
    let mut items = Vec::new();
    for _ in 0..length(input.array()?)? {
        items.push(decode(input, depth + 1)?);
    }
    Ok(items)
}

fn length(length: Option<u64>) -> Read<u64> {
    match length {
        Some(length) => Ok(length),
        None => refuse("it has an item of indefinite length"),
    }
}

fn error(input: &mut Decoder<'_>, depth: usize) -> Read<Error> {
    let parts = input.array()?;
    if !matches!(parts, Some(4 | 5)) {
        return refuse("it has an error that isn't a list of 4 or 5");
    }
    let code = ErrorCode::from_number(input.i32()?).unwrap_or(ErrorCode::GuestError);
    let error = Error::named(code, input.str()?, input.str()?);
    let error = match input.datatype()? {
        Type::Null => {
            input.null()?;
            error
        }
        _ => error.with_stack(input.str()?),
    };
    Ok(if parts == Some(5) { error.with_cause(decode(input, depth + 1)?) } else { error })
}
