//! Native functions over bytes: base64, digests, random bytes and the decoding of text.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mlua::{Buffer, FromLua, Lua, LuaString, Table, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::native::{error_from_mlua, register};
use crate::error::{Error, ErrorCode, Result};

/// The most that one call of `crypto.getRandomValues` fills, as in the Web Cryptography standard.
const RANDOM_BYTES: usize = 65_536;

/// Decodes as `atob` does: padding may be missing, unused bits are ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

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

pub(super) fn register_natives(lua: &Lua, native: &Table) -> mlua::Result<()> {
    register(lua, native, "base64_encode", |_, data: Bytes| Ok(data.read(|b| BASE64.encode(b))))?;
    register(lua, native, "base64_decode", |lua, text: LuaString| {
        let bytes = decode_base64(&text.as_bytes())?;
        lua.create_buffer(bytes).map_err(error_from_mlua)
    })?;
    register(lua, native, "digest", |lua, (algorithm, data): (LuaString, Bytes)| {
        let hash = digest(&algorithm.as_bytes(), &data)?;
        lua.create_buffer(hash).map_err(error_from_mlua)
    })?;
    register(lua, native, "random", |_, buffer: Buffer| fill(buffer))?;
    register(lua, native, "uuid", |_, ()| uuid())?;
    register(lua, native, "find", find)?;
    register(lua, native, "decode_text", |lua, text: LuaString| decode_text(lua, text))
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

fn decode_base64(text: &[u8]) -> Result<Vec<u8>> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let decoded = if text.iter().any(blank) {
        BASE64.decode(text.iter().copied().filter(|byte| !blank(byte)).collect::<Vec<_>>())
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|_| Error::type_error("Invalid base64 text."))
}

fn digest(algorithm: &[u8], data: &Bytes) -> Result<Vec<u8>> {
    match algorithm.to_ascii_uppercase().as_slice() {
        b"SHA-256" => Ok(data.read(|bytes| Sha256::digest(bytes).to_vec())),
        b"SHA-384" => Ok(data.read(|bytes| Sha384::digest(bytes).to_vec())),
        b"SHA-512" => Ok(data.read(|bytes| Sha512::digest(bytes).to_vec())),
        _ => Err(Error::named(
            ErrorCode::Unsupported,
            "NotSupportedError",
            "Unsupported digest algorithm; there are SHA-256, SHA-384 and SHA-512.",
        )),
    }
}

fn fill(buffer: Buffer) -> Result<Buffer> {
    let length = buffer.len();
    if length > RANDOM_BYTES {
        return Err(Error::named(
            ErrorCode::InvalidArgument,
            "QuotaExceededError",
            format!("crypto.getRandomValues fills at most {RANDOM_BYTES} bytes, not {length}."),
        ));
    }
    let mut bytes = vec![0; length];
    random(&mut bytes)?;
    buffer.write_bytes(0, &bytes);
    Ok(buffer)
}

/// A random identifier of version 4, variant 1.
fn uuid() -> Result<String> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) | 4 << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|_| Error::new(ErrorCode::Unsupported, "the system gives no random bytes"))
}

/// Decodes UTF-8 as Fetch does: without a byte order mark, invalid parts replaced.
fn decode_text(lua: &Lua, text: LuaString) -> Result<LuaString> {
    let decoded = {
        let bytes = text.as_bytes();
        let body = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
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
