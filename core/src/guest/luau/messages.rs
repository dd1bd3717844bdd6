//! What requests and responses consist of, copied in one protected call each.

use std::ffi::c_void;

use mlua::{Lua, Table};

use super::errors::error_from_mlua;
use super::stack::{Kind, Slot, Stack, protected};
use crate::error::{Error, Result};
use crate::guest::web::HeaderList;
use crate::http::Headers;

/// Where the instance is on the stack.
const INSTANCE: Slot = 1;

/// What a request or a response holds. What it lacks is empty.
#[derive(Default)]
pub(super) struct Parts {
    pub status: f64,
    pub status_text: String,
    pub method: String,
    pub url: String,
    pub headers: HeaderList,
    pub body: Option<Vec<u8>>,
}

/// Takes over what an instance holds, and leaves its body used, as reading it in the guest does.
///
/// # Errors
/// INVALID_ARGUMENT (a `TypeError`) if the body was used or something isn't what it has to be; LIMIT_MESSAGE for the headers.
pub(super) fn take(lua: &Lua, instance: &Table, headers_metatable: &Table) -> Result<Parts> {
    let headers_metatable = headers_metatable.to_pointer();
    parts(lua, instance, |parts, stack| parts.take(stack, headers_metatable))
}

/// Copies headers.
///
/// # Errors
/// As [`take`].
pub(super) fn headers(lua: &Lua, instance: &Table, metatable: &Table) -> Result<Headers> {
    let metatable = metatable.to_pointer();
    let parts = parts(lua, instance, |parts, stack| parts.take_headers(stack, INSTANCE, metatable));
    parts.map(|parts| parts.headers.finish())
}

/// The parts that `take` takes in one protected call.
fn parts(
    lua: &Lua,
    instance: &Table,
    take: impl FnOnce(&mut Parts, &Stack) -> Result<()>,
) -> Result<Parts> {
    let (mut parts, mut outcome) = (Parts::default(), Ok(()));
    protected::<()>(lua, instance, |stack| outcome = take(&mut parts, stack))
        .map_err(error_from_mlua)?;
    outcome.map(|()| parts)
}

/// A list of names and values in turn.
pub(super) fn header_list(lua: &Lua, headers: &Headers) -> mlua::Result<Table> {
    const LIST: Slot = 1;
    protected(lua, (), |stack| {
        stack.push_table(2 * headers.iter().len(), 0);
        for (at, (name, value)) in headers.iter().enumerate() {
            stack.push_text(name.as_bytes());
            stack.set_element(LIST, 2 * at + 1);
            stack.push_text(value.as_bytes());
            stack.set_element(LIST, 2 * at + 2);
        }
    })
}

impl Parts {
    fn take(&mut self, stack: &Stack, headers_metatable: *const c_void) -> Result<()> {
        stack.field(INSTANCE, "status");
        self.status = stack.number_at(stack.top());
        stack.field(INSTANCE, "statusText");
        self.status_text = text(stack)?.to_owned();
        stack.field(INSTANCE, "method");
        self.method = text(stack)?.to_owned();
        stack.field(INSTANCE, "url");
        self.url = text(stack)?.to_owned();
        stack.field(INSTANCE, "headers");
        self.take_headers(stack, stack.top(), headers_metatable)?;
        stack.field(INSTANCE, "_body");
        self.take_body(stack, stack.top())
    }

    fn take_headers(
        &mut self,
        stack: &Stack,
        headers: Slot,
        metatable: *const c_void,
    ) -> Result<()> {
        expect_table(stack, headers, "Headers")?;
        if !stack.metatable(headers) || stack.pointer(stack.top()) != metatable {
            return Err(Error::type_error("Expected Headers, got a value of type table."));
        }
        stack.field(headers, "_list");
        let list = stack.top();
        expect_table(stack, list, "Headers")?;
        for at in (1..=stack.length(list)).step_by(2) {
            stack.element(list, at);
            let name = text(stack)?;
            stack.element(list, at + 1);
            self.headers.append(name, text(stack)?)?;
            stack.pop(2);
        }
        Ok(())
    }

    fn take_body(&mut self, stack: &Stack, body: Slot) -> Result<()> {
        expect_table(stack, body, "a body")?;
        stack.field(body, "used");
        if stack.boolean_at(stack.top()) {
            return Err(Error::type_error(
                "Body has already been used. It can only be used once. \
                 Clone the request or response first if you need it twice.",
            ));
        }
        stack.field(body, "data");
        match stack.kind(stack.top()) {
            Kind::Nil => return Ok(()),
            Kind::Text => self.body = Some(stack.text_at(stack.top()).to_vec()),
            _ => return Err(Error::type_error("Expected a body of text.")),
        }
        stack.push_text(b"used");
        stack.push_boolean(true);
        stack.set(body);
        stack.push_text(b"data");
        stack.push_nil();
        stack.set(body);
        Ok(())
    }
}

/// The text on top of the stack; what isn't there is empty.
fn text(stack: &Stack) -> Result<&str> {
    let top = stack.top();
    let text = match stack.kind(top) {
        Kind::Nil => Ok(""),
        Kind::Text => std::str::from_utf8(stack.text_at(top)).map_err(|_| "text that is no UTF-8"),
        _ => Err(stack.type_name(top)),
    };
    text.map_err(|found| Error::type_error(format!("Expected text, got {found}.")))
}

fn expect_table(stack: &Stack, slot: Slot, expected: &str) -> Result<()> {
    match stack.kind(slot) {
        Kind::Table => Ok(()),
        _ => {
            let found = stack.type_name(slot);
            Err(Error::type_error(format!("Expected {expected}, got a value of type {found}.")))
        }
    }
}
