//! JSON text read into the engine's values.

use super::{DEPTH, Safepoint};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::luau::stack::{Slot, Stack};

/// Where the metatable of empty maps is on the stack.
const MARKER: Slot = 1;
/// So many first elements or entries wait on the stack, so that a short table gets room for just what it has.
const WAITING: Slot = 16;
/// Numbers with no more characters than this are exact in a double.
const SHORT: usize = 15;

fn syntax_error(message: String) -> Error {
    Error::named(ErrorCode::InvalidArgument, "SyntaxError", message)
}

/// Reads one JSON document.
pub(super) struct Decoder<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    safepoint: Safepoint,
    /// Text that isn't in the document as it is.
    decoded: Vec<u8>,
}

impl<'a> Decoder<'a> {
    pub fn new(text: &'a [u8]) -> Decoder<'a> {
        Decoder { text, at: 0, depth: 0, safepoint: Safepoint::new(), decoded: Vec::new() }
    }

    /// Leaves the value in the first slot.
    pub fn document(&mut self, stack: &Stack) -> Result<()> {
        self.value(stack)?;
        self.space();
        if self.at < self.text.len() {
            return Err(self.unexpected());
        }
        stack.keep_last(1);
        Ok(())
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

    fn unexpected(&self) -> Error {
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

    /// Pushes the next value.
    fn value(&mut self, stack: &Stack) -> Result<()> {
        self.safepoint.step(stack);
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(stack, Self::object),
            Some(b'[') => self.nested(stack, Self::array),
            Some(b'"') => self.string(stack),
            Some(b't') => self.word("true").map(|()| stack.push_boolean(true)),
            Some(b'f') => self.word("false").map(|()| stack.push_boolean(false)),
            Some(b'n') => self.word("null").map(|()| stack.push_null()),
            _ => self.number().map(|number| stack.push_number(number)),
        }
    }

    fn word(&mut self, word: &str) -> Result<()> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }

    fn nested(
        &mut self,
        stack: &Stack,
        read: fn(&mut Self, &Stack, Slot) -> Result<()>,
    ) -> Result<()> {
        if self.depth == DEPTH {
            return Err(syntax_error(format!("JSON is nested deeper than {DEPTH}")));
        }
        self.depth += 1;
        self.at += 1;
        read(self, stack, stack.top() + 1)?;
        self.depth -= 1;
        Ok(())
    }

    /// Makes a list in slot `table`, the next one.
    fn array(&mut self, stack: &Stack, table: Slot) -> Result<()> {
        if self.take(b']') {
            stack.push_table(0, 0);
            return Ok(());
        }
        let mut count = 0;
        loop {
            self.value(stack)?;
            count += 1;
            let more = self.take(b',');
            if count > WAITING {
                stack.set_element(table, count as usize);
            } else if count == WAITING || !more {
                stack.push_table(count as usize, 0);
                stack.insert(table);
                (1..=count).rev().for_each(|at| stack.set_element(table, at as usize));
            }
            if !more {
                break;
            }
        }
        if self.take(b']') { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Makes a map in slot `table`, the next one.
    fn object(&mut self, stack: &Stack, table: Slot) -> Result<()> {
        if self.take(b'}') {
            stack.push_table(0, 0);
            stack.copy(MARKER);
            stack.set_metatable(table);
            return Ok(());
        }
        let mut count = 0;
        loop {
            self.member(stack)?;
            count += 1;
            let more = self.take(b',');
            if count > WAITING {
                stack.set(table);
            } else if count == WAITING || !more {
                gather(stack, table, count);
            }
            if !more {
                break;
            }
        }
        if self.take(b'}') { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Pushes a key and its value.
    fn member(&mut self, stack: &Stack) -> Result<()> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        self.string(stack)?;
        if !self.take(b':') {
            return Err(self.unexpected());
        }
        self.value(stack)
    }

    fn string(&mut self, stack: &Stack) -> Result<()> {
        self.at += 1;
        let plain = self.plain();
        if self.peek() == Some(b'"') && std::str::from_utf8(plain).is_ok() {
            self.at += 1;
            stack.push_text(plain);
            return Ok(());
        }
        self.decoded.clear();
        self.decoded.extend_from_slice(plain);
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let character = self.escape()?;
                    let plain = self.plain();
                    let mut buffer = [0; 4];
                    self.decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                    self.decoded.extend_from_slice(plain);
                }
                _ => return Err(self.unexpected()),
            }
        }
        self.at += 1;
        if std::str::from_utf8(&self.decoded).is_err() {
            self.decoded = String::from_utf8_lossy(&self.decoded).into_owned().into_bytes();
        }
        stack.push_text(&self.decoded);
        Ok(())
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

    fn number(&mut self) -> Result<f64> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let digits = self.at;
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let whole = &self.text[digits..self.at];
        if whole.len() <= SHORT && !matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            let number = whole.iter().fold(0, |sum, digit| 10 * sum + u64::from(digit - b'0'));
            return Ok(if negative { -(number as f64) } else { number as f64 });
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
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.unexpected())
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }
}

/// Makes a map, in slot `table`, of the `count` keys and values that are there and behind it. *Raises.*
fn gather(stack: &Stack, table: Slot, count: Slot) {
    stack.push_table(0, count as usize);
    let map = stack.top();
    for at in 0..count {
        stack.copy(table + 2 * at);
        stack.copy(table + 2 * at + 1);
        stack.set(map);
    }
    stack.keep_last(table);
}
