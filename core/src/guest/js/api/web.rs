//! Natives of the web API: URLs, text, bytes.

use rquickjs::{Array, Object, TypedArray};
use url::{Url, form_urlencoded};

use super::Natives;
use crate::error::{Error, ErrorCode};
use crate::guest::js::kinds::Kind;
use crate::guest::js::native::{Call, Done, Fail, illegal, length};
use crate::guest::web;
use crate::http::Request;
use crate::value::Value;

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"request", |call| {
        let (method, url) = (call.text(0)?, call.text(1)?);
        web::check_length(url.len())?;
        let (method, url) = Request::line(&method, &url)?;
        let parts = Array::new(call.ctx.clone())?;
        parts.set(0, method)?;
        parts.set(1, url.as_str())?;
        Ok(parts.into_value())
    });
    natives.add(c"is_record", |call| {
        call.give_bool(call.hooks.kinds.of(&call.arg(0)) == Kind::Object)
    });
    natives.add(c"note_stack", |call| {
        call.shared.guard.note_stack();
        call.undefined()
    });
    register_urls(natives);
    register_bytes(natives);
}

fn give_url<'js>(call: &Call<'_, 'js>, url: &Url) -> Done<'js> {
    let parts = Object::new(call.ctx.clone())?;
    for (name, value) in web::url_parts(url) {
        parts.set(name, value)?;
    }
    Ok(parts.into_value())
}

fn register_urls(natives: &mut Natives) {
    natives.add(c"url_parse", |call| {
        let base = call.present(1).map(|_| call.text(1)).transpose()?;
        give_url(call, &web::parse_url(&call.text(0)?, base.as_deref())?)
    });
    natives.add(c"url_set", |call| {
        let mut url = web::parse_url(&call.text(0)?, None)?;
        web::set_url_part(&mut url, &call.text(1)?, &call.text(2)?)?;
        give_url(call, &url)
    });
    natives.add(c"query_parse", |call| {
        let text = call.text(0)?;
        web::check_length(text.len())?;
        let list = Array::new(call.ctx.clone())?;
        let text = text.strip_prefix('?').unwrap_or(&text);
        for (at, (name, value)) in form_urlencoded::parse(text.as_bytes()).enumerate() {
            list.set(2 * at, &*name)?;
            list.set(2 * at + 1, &*value)?;
        }
        Ok(list.into_value())
    });
    natives.add(c"query_text", |call| {
        let list = call.arg(0);
        let list = list.as_array().ok_or_else(illegal)?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut bytes = 0;
        for at in (0..length(list)?).step_by(2) {
            let (name, value) = (list.get::<String>(at)?, list.get::<String>(at + 1)?);
            bytes += name.len() + value.len();
            web::check_query(bytes)?;
            query.append_pair(&name, &value);
        }
        call.give_text(&query.finish())
    });
}

pub(super) fn bytes(call: &Call<'_, '_>, at: usize) -> std::result::Result<Vec<u8>, Fail> {
    match call.read(at)? {
        Value::Bytes(bytes) | Value::View(_, bytes) => Ok(bytes),
        _ => Err(illegal().into()),
    }
}

pub(super) fn give_bytes<'js>(call: &Call<'_, 'js>, bytes: &[u8]) -> Done<'js> {
    Ok(TypedArray::<u8>::new_copy(call.ctx.clone(), bytes)?.into_value())
}

fn register_bytes(natives: &mut Natives) {
    natives.add(c"encode_utf8", |call| give_bytes(call, call.text(0)?.as_bytes()));
    natives.add(c"decode_utf8", |call| {
        let (bytes, fatal, keep_bom, stream) =
            (bytes(call, 0)?, call.flag(1), call.flag(2), call.flag(3));
        let used = if stream { bytes.len() - incomplete(&bytes) } else { bytes.len() };
        let body = &bytes[..used];
        let body = if keep_bom { body } else { web::without_mark(body) };
        let text = String::from_utf8_lossy(body);
        if fatal && matches!(text, std::borrow::Cow::Owned(_)) {
            return Err(Error::type_error("Failed to decode input.").into());
        }
        let decoded = Array::new(call.ctx.clone())?;
        decoded.set(0, &*text)?;
        decoded.set(1, used as f64)?;
        Ok(decoded.into_value())
    });
    natives.add(c"decode", |call| {
        let (bytes, encoding, fatal) = (bytes(call, 0)?, call.text(1)?, call.flag(2));
        let decoded = decode(&bytes, &encoding);
        if fatal && decoded.is_lossy {
            return Err(Error::type_error("Failed to decode input.").into());
        }
        call.give_text(&decoded.text)
    });
    natives.add(c"btoa", |call| call.give_text(&web::encode_base64(&bytes(call, 0)?)));
    natives.add(c"atob", |call| {
        let decoded = web::decode_base64(call.text(0)?.as_bytes()).ok_or_else(|| {
            Error::named(
                ErrorCode::InvalidArgument,
                "InvalidCharacterError",
                "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two terminal '=' signs when the input data length is divisible by 4 are allowed.)",
            )
        })?;
        call.give_text(&decoded.into_iter().map(char::from).collect::<String>())
    });
}

struct Decoded {
    text: String,
    is_lossy: bool,
}

/// Decodes an encoding other than UTF-8.
fn decode(bytes: &[u8], encoding: &str) -> Decoded {
    let unit = match encoding {
        "utf-16le" => u16::from_le_bytes,
        "utf-16be" => u16::from_be_bytes,
        _ => {
            let text = bytes.iter().map(|byte| windows_1252(*byte)).collect();
            return Decoded { text, is_lossy: false };
        }
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut is_lossy = !rest.is_empty();
    let chars = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)));
    let replaced = |char: std::result::Result<char, _>| {
        char.unwrap_or_else(|_| {
            is_lossy = true;
            char::REPLACEMENT_CHARACTER
        })
    };
    let mut text: String = chars.map(replaced).collect();
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Decoded { text, is_lossy }
}

/// What the bytes from 0x80 to 0x9F mean in windows-1252, which the web takes latin1 and ASCII for.
const WINDOWS_1252: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2C6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2DC}', '\u{2122}', '\u{161}', '\u{203A}', '\u{153}', '\u{9D}', '\u{17E}', '\u{178}',
];

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

/// Bytes at the end that begin a character and don't end it.
fn incomplete(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => {
            // Invalid bytes may stand before; only the last three can be an incomplete character.
            let tail = &bytes[bytes.len().saturating_sub(3)..];
            let lead = tail.iter().rposition(|byte| byte & 0xC0 != 0x80);
            let start = lead.map_or(tail.len(), |at| at);
            let open =
                std::str::from_utf8(&tail[start..]).err().is_some_and(|e| e.error_len().is_none());
            if open { tail.len() - start } else { 0 }
        }
    }
}
