//! The engine's values written as JSON text.

use std::ffi::c_void;
use std::io::{self, Write};

use mlua::Table;

use super::{DEPTH, Safepoint};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::luau::errors::error_from_mlua;
use crate::guest::luau::stack::{Kind, Passage, Slot, Stack, whole};

/// Longest text that is written.
const TEXT_BYTES: usize = 32 << 20;

fn too_long() -> Error {
    Error::new(ErrorCode::LimitMessage, format!("JSON text is longer than {TEXT_BYTES} bytes"))
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
pub(super) struct Encoder<'a> {
    out: Capped,
    passage: &'a Passage,
    marker: *const c_void,
    classes: &'a Table,
    safepoint: Safepoint,
    ancestors: Vec<*const c_void>,
}

impl<'a> Encoder<'a> {
    pub fn new(passage: &'a Passage, marker: &Table, classes: &'a Table) -> Encoder<'a> {
        Encoder {
            out: Capped(Vec::new()),
            passage,
            marker: marker.to_pointer(),
            classes,
            safepoint: Safepoint::new(),
            ancestors: Vec::new(),
        }
    }

    /// What was written.
    pub fn text(&self) -> &[u8] {
        &self.out.0
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|_| too_long())
    }

    /// Writes the value in a slot.
    pub fn value(&mut self, stack: &Stack, slot: Slot) -> Result<()> {
        self.safepoint.step(stack);
        match stack.kind(slot) {
            Kind::Nil | Kind::Null => self.put("null"),
            Kind::Boolean => self.put(if stack.boolean_at(slot) { "true" } else { "false" }),
            Kind::Integer => self.integer(stack.integer_at(slot)),
            Kind::Number => self.number(stack.number_at(slot)),
            Kind::Text => self.string(stack.text_at(slot)),
            Kind::Table => self.table(stack, slot),
            Kind::Buffer | Kind::Other => {
                let kind = stack.type_name(slot);
                Err(Error::type_error(format!("A {kind} can't be converted to JSON")))
            }
        }
    }

    fn integer(&mut self, number: i64) -> Result<()> {
        write!(self.out, "{number}").map_err(|_| too_long())
    }

    /// Writes a number as JavaScript does, save for where it changes to an exponent.
    fn number(&mut self, number: f64) -> Result<()> {
        if let Some(number) = whole(number) {
            return self.integer(number);
        }
        let written = if !number.is_finite() {
            write!(self.out, "null")
        } else if number == 0.0 {
            write!(self.out, "0")
        } else if (1e-7..1e21).contains(&number.abs()) {
            write!(self.out, "{number}")
        } else {
            write!(self.out, "{number:e}")
        };
        written.map_err(|_| too_long())
    }

    fn string(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > TEXT_BYTES {
            return Err(too_long());
        }
        let text = String::from_utf8_lossy(bytes);
        serde_json::to_writer(&mut self.out, &text).map_err(|_| too_long())
    }

    fn table(&mut self, stack: &Stack, slot: Slot) -> Result<()> {
        let address = stack.pointer(slot);
        if self.ancestors.contains(&address) {
            return Err(Error::type_error("Converting circular structure to JSON"));
        }
        if self.ancestors.len() == DEPTH {
            return Err(Error::type_error(format!(
                "Converting to JSON a table nested deeper than {DEPTH}"
            )));
        }
        self.ancestors.push(address);
        self.safepoint.table(stack);
        let length = stack.length(slot);
        match self.is_map(stack, slot)? || !self.is_list(stack, slot, length) {
            true => self.map(stack, slot)?,
            false => self.list(stack, slot, length)?,
        }
        self.ancestors.pop();
        Ok(())
    }

    /// Whether somebody marked the table as a map.
    fn is_map(&self, stack: &Stack, slot: Slot) -> Result<bool> {
        if !stack.metatable(slot) {
            return Ok(false);
        }
        if stack.pointer(stack.top()) == self.marker {
            stack.pop(1);
            return Ok(true);
        }
        let class = self.passage.take_out(stack, stack.top());
        let class = class.and_then(|metatable| self.classes.raw_get::<Option<String>>(metatable));
        if let Some(class) = class.map_err(error_from_mlua)? {
            return Err(Error::type_error(format!("A {class} can't be converted to JSON")));
        }
        stack.pop(1);
        Ok(false)
    }

    fn is_list(&mut self, stack: &Stack, slot: Slot, length: usize) -> bool {
        stack.is_list(slot, length, || self.safepoint.step(stack))
    }

    fn list(&mut self, stack: &Stack, slot: Slot, length: usize) -> Result<()> {
        self.put("[")?;
        let item = stack.top() + 1;
        for at in 1..=length {
            if at > 1 {
                self.put(",")?;
            }
            stack.element(slot, at);
            self.value(stack, item)?;
            stack.pop(1);
        }
        self.put("]")
    }

    fn map(&mut self, stack: &Stack, slot: Slot) -> Result<()> {
        self.put("{")?;
        let (key, item, mut at) = (stack.top() + 1, stack.top() + 2, 0);
        while let Some(next) = stack.next(slot, at) {
            if at > 0 {
                self.put(",")?;
            }
            at = next;
            self.key(stack, key)?;
            self.put(":")?;
            self.value(stack, item)?;
            stack.pop(2);
        }
        self.put("}")
    }

    fn key(&mut self, stack: &Stack, key: Slot) -> Result<()> {
        match stack.kind(key) {
            Kind::Text => return self.string(stack.text_at(key)),
            Kind::Integer | Kind::Number if is_finite(stack, key) => {}
            _ => {
                let kind = stack.type_name(key);
                return Err(Error::type_error(format!(
                    "A key of type {kind} can't be converted to JSON"
                )));
            }
        }
        self.put("\"")?;
        self.value(stack, key)?;
        self.put("\"")
    }
}

fn is_finite(stack: &Stack, slot: Slot) -> bool {
    stack.kind(slot) == Kind::Integer || stack.number_at(slot).is_finite()
}
