//! Native functions over bytes: base64, digests, random bytes and the decoding of text.

use mlua::{Buffer, FromLua, Function, Lua, LuaString, Value};

use super::errors::error_from_mlua;
use super::native::Natives;
use crate::error::{Error, Result};
use crate::guest::web;

/// The bytes of a string or a buffer.
pub(super) enum Bytes {
    Text(LuaString),
    Buffer(Buffer),
}

impl FromLua for Bytes {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Bytes> {
        match value {
            Value::String(text) => Ok(Bytes::Text(text)),
            Value::Buffer(buffer) => Ok(Bytes::Buffer(buffer)),
            other => Err(mlua::Error::FromLuaConversionError {
                from: other.type_name(),
                to: "string or buffer".into(),
                message: None,
            }),
        }
    }
}

impl Bytes {
    fn read<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Bytes::Text(text) => f(&text.as_bytes()),
            Bytes::Buffer(buffer) => f(&buffer.to_vec()),
        }
    }
}

pub(super) fn add_natives(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("base64_encode", |_, data: Bytes| Ok(data.read(web::encode_base64)))?;
    natives.add("base64_decode", |lua, text: LuaString| {
        let bytes = web::decode_base64(&text.as_bytes())
            .ok_or_else(|| Error::type_error("Invalid base64 text."))?;
        lua.create_buffer(bytes).map_err(error_from_mlua)
    })?;
    natives.add("digest", |lua, (algorithm, data): (LuaString, Bytes)| {
        let hash = data.read(|bytes| web::digest(&algorithm.as_bytes(), bytes))?;
        lua.create_buffer(hash).map_err(error_from_mlua)
    })?;
    natives.add("random", |_, buffer: Buffer| {
        buffer.write_bytes(0, &web::random(buffer.len())?);
        Ok(buffer)
    })?;
    natives.add("uuid", |_, ()| web::random_uuid())?;
    natives.add("find", find)?;
    natives.add("is_native", |_, function: Function| Ok(function.info().what == "C"))?;
    natives.add("decode_text", |lua, text: LuaString| decode_text(lua, text))
}

/// Where `needle` is in `text` from place `init` on, in time linear in both: first and last place.
fn find(
    _: &Lua,
    (text, needle, init): (LuaString, LuaString, Option<i64>),
) -> Result<(Option<usize>, Option<usize>)> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let length = text.len() as i64;
    let start = match init.unwrap_or(1) {
        init if init > 0 => init - 1,
        init => (length + init).max(0),
    };
    let Some(rest) = usize::try_from(start).ok().and_then(|start| text.get(start..)) else {
        return Ok((None, None));
    };
    let found = memchr::memmem::find(rest, &needle);
    let first = found.map(|at| start as usize + at + 1);
    Ok((first, first.map(|first| first + needle.len() - 1)))
}

/// Decodes UTF-8 as Fetch does: without a byte order mark, invalid parts replaced.
fn decode_text(lua: &Lua, text: LuaString) -> Result<LuaString> {
    let decoded = {
        let bytes = text.as_bytes();
        let body = web::without_mark(&bytes);
        match std::str::from_utf8(body) {
            Ok(_) if body.len() == bytes.len() => None,
            _ => Some(String::from_utf8_lossy(body).into_owned()),
        }
    };
    match decoded {
        None => Ok(text),
        Some(decoded) => lua.create_string(decoded).map_err(error_from_mlua),
    }
}
