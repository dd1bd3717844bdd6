//! JSON text to and from Luau tables, without an intermediate tree on the host's heap.
//!
//! Tables are read raw: no metamethod runs. Long work passes a safepoint of the engine every
//! millisecond or so, hence a guest that ran out of time ends here too.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use mlua::{Function, Lua, LuaString, Result, Table, Value};

use super::native::{error_from_mlua, register};
use crate::error::{Error, ErrorCode};

/// Deepest nesting that is read or written.
const DEPTH: usize = 128;
/// Longest text that is written.
const TEXT_BYTES: usize = 32 << 20;

/// Registers `json_encode` and `json_decode`; `marker` is the metatable of tables that are maps
/// even when they are empty, `classes` gives the names of those metatables that have no JSON.
pub(super) fn register_natives(
    lua: &Lua,
    native: &Table,
    marker: &Table,
    classes: &Table,
) -> Result<()> {
    let poll = lua.load("return").set_name("=[facetbox]").into_function()?;
    let (marked, classes, safepoint) = (marker.clone(), classes.clone(), poll.clone());
    register(lua, native, "json_encode", move |lua, value: Value| {
        let encoder = Encoder {
            out: Capped(Vec::new()),
            marker: &marked,
            classes: &classes,
            safepoint: Safepoint::new(&safepoint),
            ancestors: Vec::new(),
        };
        let text = encoder.document(&value).map_err(error_from_mlua)?;
        lua.create_string(text).map_err(error_from_mlua)
    })?;
    let marker = marker.clone();
    register(lua, native, "json_decode", move |lua, text: LuaString| {
        let bytes = text.as_bytes();
        Decoder::new(lua, &bytes, &marker, &poll).document().map_err(error_from_mlua)
    })
}

/// Calls an empty Luau function from time to time, which is where the engine checks its limits.
struct Safepoint<'a> {
    poll: &'a Function,
    steps: u32,
    next: Instant,
}

impl<'a> Safepoint<'a> {
    const EVERY: Duration = Duration::from_millis(1);

    fn new(poll: &'a Function) -> Safepoint<'a> {
        Safepoint { poll, steps: 0, next: Instant::now() + Self::EVERY }
    }

    /// Counts one value of fixed cost.
    fn step(&mut self) -> Result<()> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(256) { self.table() } else { Ok(()) }
    }

    /// Counts a table: walking over one may have taken long even if it is almost empty.
    fn table(&mut self) -> Result<()> {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + Self::EVERY;
            self.poll.call::<()>(())?;
        }
        Ok(())
    }
}

/// Bytes that refuse to grow past the longest text.
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > TEXT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes one value as compact JSON.
struct Encoder<'a> {
    out: Capped,
    marker: &'a Table,
    classes: &'a Table,
    safepoint: Safepoint<'a>,
    ancestors: Vec<*const std::ffi::c_void>,
}

impl Encoder<'_> {
    fn document(mut self, value: &Value) -> Result<Vec<u8>> {
        self.value(value)?;
        Ok(self.out.0)
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|_| too_long())
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        self.safepoint.step()?;
        match value {
            Value::Nil => self.put("null"),
            value if *value == Value::NULL => self.put("null"),
            Value::Boolean(true) => self.put("true"),
            Value::Boolean(false) => self.put("false"),
            Value::Integer(number) => self.put(&number.to_string()),
            Value::Number(number) => self.put(&number_text(*number)),
            Value::String(text) => self.string(text),
            Value::Table(table) => self.table(table),
            other => Err(type_error(format!("A {} can't be converted to JSON", kind(other)))),
        }
    }

    fn string(&mut self, text: &LuaString) -> Result<()> {
        let bytes = text.as_bytes();
        if bytes.len() > TEXT_BYTES {
            return Err(too_long());
        }
        let text = String::from_utf8_lossy(&bytes);
        serde_json::to_writer(&mut self.out, &text).map_err(|_| too_long())
    }

    fn table(&mut self, table: &Table) -> Result<()> {
        let address = table.to_pointer();
        if self.ancestors.contains(&address) {
            return Err(type_error("Converting circular structure to JSON"));
        }
        if self.ancestors.len() == DEPTH {
            return Err(type_error(format!(
                "Converting to JSON a table nested deeper than {DEPTH}"
            )));
        }
        self.ancestors.push(address);
        self.safepoint.table()?;
        match self.list_length(table)? {
            Some(length) => self.list(table, length)?,
            None => self.map(table)?,
        }
        self.ancestors.pop();
        Ok(())
    }

    /// The number of elements if the keys are exactly 1 to n and nobody marked the table as a map.
    fn list_length(&mut self, table: &Table) -> Result<Option<usize>> {
        if let Some(metatable) = table.metatable() {
            if metatable == *self.marker {
                return Ok(None);
            }
            if let Some(class) = self.classes.raw_get::<Option<String>>(metatable)? {
                return Err(type_error(format!("A {class} can't be converted to JSON")));
            }
        }
        let length = table.raw_len();
        if length == 0 {
            return Ok(table.is_empty().then_some(0));
        }
        let mut positions = 0;
        let mut others = 0;
        table.for_each(|key: Value, _: Value| {
            let inside = position(&key).is_some_and(|at| at <= length);
            *(if inside { &mut positions } else { &mut others }) += 1;
            self.safepoint.step()
        })?;
        Ok((others == 0 && positions == length).then_some(length))
    }

    fn list(&mut self, table: &Table, length: usize) -> Result<()> {
        self.put("[")?;
        for at in 1..=length {
            if at > 1 {
                self.put(",")?;
            }
            let value: Value = table.raw_get(at)?;
            self.value(&value)?;
        }
        self.put("]")
    }

    fn map(&mut self, table: &Table) -> Result<()> {
        self.put("{")?;
        let mut first = true;
        table.for_each(|key: Value, value: Value| {
            if !std::mem::take(&mut first) {
                self.put(",")?;
            }
            self.entry(&key, &value)
        })?;
        self.put("}")
    }

    fn entry(&mut self, key: &Value, value: &Value) -> Result<()> {
        match key {
            Value::String(text) => self.string(text)?,
            Value::Integer(number) => self.put(&format!("\"{number}\""))?,
            Value::Number(number) if number.is_finite() => {
                self.put(&format!("\"{}\"", number_text(*number)))?;
            }
            other => {
                return Err(type_error(format!(
                    "A key of type {} can't be converted to JSON",
                    other.type_name()
                )));
            }
        }
        self.put(":")?;
        self.value(value)
    }
}

fn position(key: &Value) -> Option<usize> {
    match key {
        Value::Integer(at) => usize::try_from(*at).ok().filter(|at| *at > 0),
        Value::Number(at) if at.fract() == 0.0 && *at >= 1.0 => Some(*at as usize),
        _ => None,
    }
}

/// A number as JavaScript writes it, save for where it changes to an exponent.
fn number_text(number: f64) -> Cow<'static, str> {
    if !number.is_finite() {
        "null".into()
    } else if number == 0.0 {
        "0".into()
    } else if (1e-7..1e21).contains(&number.abs()) {
        number.to_string().into()
    } else {
        format!("{number:e}").into()
    }
}

fn kind(value: &Value) -> &'static str {
    if matches!(value, Value::Buffer(_)) { "buffer" } else { value.type_name() }
}

fn type_error(message: impl Into<String>) -> mlua::Error {
    mlua::Error::external(Error::type_error(message))
}

fn syntax_error(message: String) -> mlua::Error {
    mlua::Error::external(Error::named(ErrorCode::InvalidArgument, "SyntaxError", message))
}

fn too_long() -> mlua::Error {
    mlua::Error::external(Error::new(
        ErrorCode::LimitMessage,
        format!("JSON text is longer than {TEXT_BYTES} bytes"),
    ))
}

/// Reads one JSON document straight into the engine's values.
struct Decoder<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    depth: usize,
    marker: &'a Table,
    safepoint: Safepoint<'a>,
}

impl<'a> Decoder<'a> {
    fn new(lua: &'a Lua, text: &'a [u8], marker: &'a Table, poll: &'a Function) -> Decoder<'a> {
        Decoder { lua, text, at: 0, depth: 0, marker, safepoint: Safepoint::new(poll) }
    }

    fn document(mut self) -> Result<Value> {
        let value = self.value()?;
        self.space();
        if self.at < self.text.len() { Err(self.unexpected()) } else { Ok(value) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Skips blanks, then takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self) -> mlua::Error {
        match self.peek() {
            None => syntax_error("Unexpected end of JSON input".into()),
            Some(byte) if byte.is_ascii_graphic() => syntax_error(format!(
                "Unexpected token '{}' in JSON at position {}",
                char::from(byte),
                self.at
            )),
            Some(_) => syntax_error(format!("Unexpected token in JSON at position {}", self.at)),
        }
    }

    fn value(&mut self) -> Result<Value> {
        self.safepoint.step()?;
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b't') => self.word("true", Value::Boolean(true)),
            Some(b'f') => self.word("false", Value::Boolean(false)),
            Some(b'n') => self.word("null", Value::NULL),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Table>) -> Result<Value> {
        if self.depth == DEPTH {
            return Err(syntax_error(format!("JSON is nested deeper than {DEPTH}")));
        }
        self.depth += 1;
        self.at += 1;
        let table = read(self)?;
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn array(&mut self) -> Result<Table> {
        let table = self.lua.create_table()?;
        if self.take(b']') {
            return Ok(table);
        }
        for index in 1_usize.. {
            table.raw_set(index, self.value()?)?;
            if !self.take(b',') {
                break;
            }
        }
        if self.take(b']') { Ok(table) } else { Err(self.unexpected()) }
    }

    fn object(&mut self) -> Result<Table> {
        let table = self.lua.create_table()?;
        if self.take(b'}') {
            table.set_metatable(Some(self.marker.clone()))?;
            return Ok(table);
        }
        loop {
            let (key, value) = self.member()?;
            table.raw_set(key, value)?;
            if !self.take(b',') {
                break;
            }
        }
        if self.take(b'}') { Ok(table) } else { Err(self.unexpected()) }
    }

    fn member(&mut self) -> Result<(LuaString, Value)> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.string()?;
        if !self.take(b':') {
            return Err(self.unexpected());
        }
        Ok((key, self.value()?))
    }

    fn string(&mut self) -> Result<LuaString> {
        self.at += 1;
        let mut text = Cow::Borrowed(self.plain());
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    let valid = String::from_utf8_lossy(&text);
                    return self.lua.create_string(valid.as_bytes());
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    let plain = self.plain();
                    let owned = text.to_mut();
                    owned.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    owned.extend_from_slice(plain);
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Takes what needs no decoding: up to a quote, a backslash or a control character.
    fn plain(&mut self) -> &'a [u8] {
        let text = self.text;
        let rest = &text[self.at..];
        let end = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
        let end = end.unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn escape(&mut self) -> Result<char> {
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads `uXXXX` and, if it is half a pair, the other half; a lone half is replaced.
    fn unicode(&mut self) -> Result<char> {
        let high = self.hex()?;
        if (0xD800..0xDC00).contains(&high) && self.text[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 1;
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.unexpected())?;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).ok();
        let number = text.and_then(|text| text.parse().ok()).ok_or_else(|| self.unexpected())?;
        Ok(Value::Number(number))
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }
}
