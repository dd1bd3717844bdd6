//! Values as bytes: how they cross between Rust and JavaScript.
//!
//! A tag byte comes first. Lengths and counts are 32 bits, numbers little-endian, text is UTF-8 after
//! its length. Stubs and other native handles stand in a list beside the bytes, and in them by their
//! index. JavaScript's own functions, objects and classes stand in the bytes by the number of their
//! reference: with their names when they come, alone when they come back; those of guests and other
//! environments are native handles. An error's cause is the value after it, undefined if there is none. Requests and
//! responses are followed by the map of what they consist of, headers by the list of their pairs.
//! `lib/codec.js` is the other half.

use std::sync::Arc;

use facetbox::{
    BigInt, Error, ErrorCode, Headers, HostOrigin, Request, Response, Result, Value, ValueMap,
};
use napi::Env;
use napi::JsValue;
use napi::bindgen_prelude::{BufferSlice, Either, Either9, Unknown};

use crate::capability::{self, Capability};
use crate::class::{Class, host_class};
use crate::ctx::{Ctx, Guard};
use crate::deployment::Deployment;
use crate::loader::Loader;
use crate::mailbox::Mailbox;
use crate::namespace::Namespace;
use crate::reference::JsRef;
use crate::rpc::RpcStub;
use crate::stub::Stub;
use crate::transaction::Transaction;

macro_rules! tags {
    ($($name:ident = $number:literal;)*) => { $(const $name: u8 = $number;)* };
}

tags! {
    UNDEFINED = 0;
    NULL = 1;
    FALSE = 2;
    TRUE = 3;
    INT = 4;
    FLOAT = 5;
    STRING = 6;
    BYTES = 7;
    LIST = 8;
    MAP = 9;
    DICT = 10;
    SET = 11;
    DATE = 12;
    BIGINT = 13;
    ERROR = 14;
    CAPABILITY = 15;
    REFERENCE = 16;
    FUNCTION = 17;
    OBJECT = 18;
    CLASS = 19;
    REQUEST = 20;
    RESPONSE = 21;
    HEADERS = 22;
}

/// Whole numbers up to here are numbers in JavaScript; beyond, they are bigints.
const MAX_SAFE: u64 = 1 << 53;

/// What JavaScript gets of a packed value: a buffer, or a list of it and what it refers to.
pub(crate) type Sent = Either<Unknown<'static>, Vec<Item>>;
/// A part of such a list.
pub(crate) type Item = Either<Unknown<'static>, Handle>;
/// What can stand beside bytes: what values refer to, and what messages bring.
pub(crate) type Handle =
    Either9<Stub, Class, Namespace, Loader, RpcStub, Ctx, Guard, Transaction, Deployment>;

/// A packed value on its way to JavaScript. Making it needs no JavaScript thread, sending it does.
#[derive(Default)]
pub(crate) struct Packed {
    pub bytes: Vec<u8>,
    pub capabilities: Vec<Handle>,
    /// JavaScript values that the bytes name by number and that must not be released before.
    kept: Vec<Arc<dyn std::any::Any + Send + Sync>>,
}

impl Packed {
    /// Packs a value.
    pub fn value(mailbox: &Arc<Mailbox>, value: Value) -> Packed {
        let mut writer = Writer { mailbox, packed: Packed::default() };
        writer.value(value);
        writer.packed
    }

    /// Packs an error, with the JavaScript exception that it stands for, if there is one.
    pub fn error(mailbox: &Arc<Mailbox>, error: &Error) -> Packed {
        let mut writer = Writer { mailbox, packed: Packed::default() };
        writer.error(error);
        writer.packed
    }

    /// Hands the bytes and what they refer to over to JavaScript.
    pub fn into_js(self, env: &Env) -> napi::Result<Sent> {
        let bytes: BufferSlice<'static> = BufferSlice::copy_from(env, &self.bytes)?;
        let bytes = bytes.to_unknown();
        if self.capabilities.is_empty() {
            return Ok(Either::A(bytes));
        }
        let all = std::iter::once(Item::A(bytes)).chain(self.capabilities.into_iter().map(Item::B));
        Ok(Either::B(all.collect()))
    }
}

struct Writer<'a> {
    mailbox: &'a Arc<Mailbox>,
    packed: Packed,
}

impl Writer<'_> {
    fn value(&mut self, value: Value) {
        match value {
            Value::Undefined => self.tag(UNDEFINED),
            Value::Null => self.tag(NULL),
            Value::Bool(false) => self.tag(FALSE),
            Value::Bool(true) => self.tag(TRUE),
            Value::Int(n) if n.unsigned_abs() <= MAX_SAFE => self.number(INT, n as f64),
            Value::Int(n) => self.text(BIGINT, &BigInt::from(n).to_str_radix(16)),
            Value::BigInt(n) => self.text(BIGINT, &n.to_str_radix(16)),
            Value::Float(n) => self.number(FLOAT, n),
            Value::Date(ms) => self.number(DATE, ms),
            Value::String(text) => self.text(STRING, &text),
            Value::Bytes(bytes) | Value::View(_, bytes) => {
                self.count(BYTES, bytes.len());
                self.packed.bytes.extend(bytes);
            }
            Value::List(items) => self.values(LIST, items),
            Value::Set(items) => self.values(SET, items),
            Value::Map(map) => {
                self.count(MAP, map.len());
                for (key, value) in map {
                    self.bare_text(&key);
                    self.value(value);
                }
            }
            Value::Dict(entries) => {
                self.count(DICT, entries.len());
                for (key, value) in entries {
                    self.value(key);
                    self.value(value);
                }
            }
            Value::Error(error) => self.error(&error),
            Value::Request(request) => self.tagged(REQUEST, request.to_value()),
            Value::Response(response) => self.tagged(RESPONSE, response.to_value()),
            Value::Headers(headers) => self.tagged(HEADERS, headers.to_value()),
            Value::Function(ref function) => self.by_reference(&value, function.origin()),
            Value::Object(ref object) => self.by_reference(&value, object.origin()),
            Value::Stub(stub) => self.capability(Handle::A(Stub::new(stub, self.mailbox))),
            Value::Class(class) => self.capability(Handle::B(Class::new(class))),
            Value::Namespace(namespace) => {
                self.capability(Handle::C(Namespace::new(namespace, self.mailbox)));
            }
            Value::Loader(loader) => self.capability(Handle::D(Loader::new(loader, self.mailbox))),
        }
    }

    fn tagged(&mut self, tag: u8, value: Value) {
        self.tag(tag);
        self.value(value);
    }

    fn error(&mut self, error: &Error) {
        self.tag(ERROR);
        self.packed.bytes.extend((error.code() as i32).to_le_bytes());
        self.bare_text(error.name());
        self.bare_text(error.message());
        self.bare_text(error.stack().unwrap_or_default());
        self.bare_text(error.path().unwrap_or_default());
        let exception = self.own(error.host_exception()).unwrap_or(0);
        self.packed.bytes.extend(exception.to_le_bytes());
        self.value(error.cause().cloned().unwrap_or(Value::Undefined));
    }

    fn by_reference(&mut self, value: &Value, origin: Option<&HostOrigin>) {
        if let Some(id) = self.own(origin) {
            self.count(REFERENCE, id as usize);
        } else if let Some(stub) = facetbox::RpcStub::from_value(value) {
            self.capability(Handle::E(RpcStub::new(stub, self.mailbox)));
        }
    }

    /// The number of a value that lives in this environment; it is kept until the message is read.
    fn own(&mut self, origin: Option<&HostOrigin>) -> Option<u32> {
        let origin = origin?;
        let id = origin.downcast_ref::<JsRef>()?.id_in(self.mailbox)?;
        self.packed.kept.push(origin.clone());
        Some(id)
    }

    fn capability(&mut self, handle: Handle) {
        let index = self.packed.capabilities.len();
        self.count(CAPABILITY, index);
        self.packed.capabilities.push(handle);
    }

    fn values(&mut self, tag: u8, items: Vec<Value>) {
        self.count(tag, items.len());
        items.into_iter().for_each(|item| self.value(item));
    }

    fn tag(&mut self, tag: u8) {
        self.packed.bytes.push(tag);
    }

    fn number(&mut self, tag: u8, number: f64) {
        self.tag(tag);
        self.packed.bytes.extend(number.to_le_bytes());
    }

    fn count(&mut self, tag: u8, count: usize) {
        self.tag(tag);
        self.bare_count(count);
    }

    fn text(&mut self, tag: u8, text: &str) {
        self.tag(tag);
        self.bare_text(text);
    }

    fn bare_text(&mut self, text: &str) {
        self.bare_count(text.len());
        self.packed.bytes.extend(text.as_bytes());
    }

    /// Messages are limited to far less than 4 GiB.
    fn bare_count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("a message is shorter than 4 GiB");
        self.packed.bytes.extend(count.to_le_bytes());
    }
}

/// Reads what JavaScript has packed: one value and what it refers to.
pub(crate) fn unpack(
    mailbox: &Arc<Mailbox>,
    bytes: &[u8],
    capabilities: Option<Vec<Capability<'_>>>,
) -> Result<Value> {
    let capabilities = capabilities.unwrap_or_default();
    let capabilities = capabilities.iter().map(capability::value).collect();
    let mut reader = Reader { mailbox, bytes, capabilities, refused: None };
    let value = reader.value()?;
    reader.refused.map_or(Ok(value), Err)
}

/// Reads a map; null and undefined are an empty one.
pub(crate) fn unpack_map(
    mailbox: &Arc<Mailbox>,
    bytes: &[u8],
    capabilities: Option<Vec<Capability<'_>>>,
) -> Result<ValueMap> {
    match unpack(mailbox, bytes, capabilities)? {
        Value::Map(map) => Ok(map),
        _ => Err(malformed()),
    }
}

/// Reads a list, such as the arguments of a call.
pub(crate) fn unpack_list(
    mailbox: &Arc<Mailbox>,
    bytes: &[u8],
    capabilities: Option<Vec<Capability<'_>>>,
) -> Result<Vec<Value>> {
    match unpack(mailbox, bytes, capabilities)? {
        Value::List(items) => Ok(items),
        _ => Err(malformed()),
    }
}

/// Reads an error that JavaScript has packed.
pub(crate) fn unpack_error(mailbox: &Arc<Mailbox>, bytes: &[u8]) -> Error {
    match unpack(mailbox, bytes, None) {
        Ok(Value::Error(error)) => error,
        Ok(_) => malformed(),
        Err(error) => error,
    }
}

fn malformed() -> Error {
    Error::new(ErrorCode::InvalidArgument, "A message from JavaScript is malformed.")
}

/// Nesting is bounded by the JavaScript half, which packs nothing deeper than the limit.
struct Reader<'a> {
    mailbox: &'a Arc<Mailbox>,
    bytes: &'a [u8],
    capabilities: Vec<Result<Value>>,
    /// Why what was packed can't be used. It is read to its end: references that nobody takes over are never released.
    refused: Option<Error>,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Value> {
        Ok(match self.take::<1>()?[0] {
            UNDEFINED => Value::Undefined,
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(self.number()? as i64),
            FLOAT => Value::Float(self.number()?),
            DATE => Value::Date(self.number()?),
            STRING => Value::String(self.text()?),
            BYTES => {
                let length = self.count()?;
                Value::Bytes(self.slice(length)?.to_vec())
            }
            LIST => Value::List(self.values()?),
            SET => Value::Set(self.values()?),
            MAP => {
                let count = self.count()?;
                let mut map = ValueMap::with_capacity(count.min(self.bytes.len()));
                for _ in 0..count {
                    // Keys are those of one JavaScript object, so none comes twice.
                    map.push(self.text()?, self.value()?);
                }
                Value::Map(map)
            }
            DICT => {
                let count = self.count()?;
                let entries = (0..count).map(|_| Ok((self.value()?, self.value()?)));
                Value::Dict(entries.collect::<Result<_>>()?)
            }
            BIGINT => {
                let digits = self.text()?;
                let number = BigInt::parse_bytes(digits.as_bytes(), 16);
                Value::BigInt(number.ok_or_else(malformed)?)
            }
            ERROR => Value::Error(self.error()?),
            REQUEST => Request::from_value(&self.value()?)?.into(),
            RESPONSE => Response::from_value(&self.value()?)?.into(),
            HEADERS => Headers::from_value(&self.value()?)?.into(),
            CAPABILITY => {
                let index = self.count()?;
                let capability = self.capabilities.get(index).cloned().ok_or_else(malformed)?;
                capability.unwrap_or_else(|error| {
                    self.refused.get_or_insert(error);
                    Value::Undefined
                })
            }
            FUNCTION => capability::host_function(self.reference()?, self.text()?).into(),
            OBJECT => capability::host_object(self.reference()?, self.text()?).into(),
            CLASS => host_class(self.reference()?, self.text()?).into(),
            _ => return Err(malformed()),
        })
    }

    fn reference(&mut self) -> Result<Arc<JsRef>> {
        Ok(JsRef::new(self.mailbox, u32::from_le_bytes(self.take()?)))
    }

    fn error(&mut self) -> Result<Error> {
        let code = i32::from_le_bytes(self.take()?);
        let code = ErrorCode::from_number(code).ok_or_else(malformed)?;
        let error = Error::named(code, self.text()?, self.text()?).with_stack(self.text()?);
        let path = self.text()?;
        let error = if path.is_empty() { error } else { error.with_path(path) };
        let error = match u32::from_le_bytes(self.take()?) {
            0 => error,
            exception => error.with_host(JsRef::new(self.mailbox, exception)),
        };
        Ok(match self.value()? {
            Value::Undefined => error,
            cause => error.with_cause(cause),
        })
    }

    fn values(&mut self) -> Result<Vec<Value>> {
        let count = self.count()?;
        (0..count).map(|_| self.value()).collect()
    }

    fn text(&mut self) -> Result<String> {
        let length = self.count()?;
        let text = std::str::from_utf8(self.slice(length)?).map_err(|_| malformed())?;
        Ok(text.to_owned())
    }

    fn number(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.take()?))
    }

    fn count(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.take()?) as usize)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn slice(&mut self, length: usize) -> Result<&[u8]> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(head)
    }
}
