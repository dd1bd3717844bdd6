//! Natives of the web API: URLs, text, bytes, digests.

use rquickjs::{Array, Object, TypedArray};
use url::{Url, form_urlencoded};

use super::Natives;
use crate::error::{Error, ErrorCode};
use crate::guest::js::native::{Call, Done, Fail, illegal, length};
use crate::guest::js::vm::Kind;
use crate::guest::web;
use crate::http::Request;
use crate::value::Value;

/// Longest array that the engine may walk without looking at the guest's limits.
const MAX_LENGTH: f64 = 16_777_216.0;
pub(super) fn register(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("request", |call| {
        let (method, url) = (call.text(0)?, call.text(1)?);
        web::check_length(url.len())?;
        let request = Request::new(&method, &url)?;
        let parts = Array::new(call.ctx.clone())?;
        parts.set(0, request.method())?;
        parts.set(1, request.url())?;
        Ok(parts.into_value())
    })?;
    natives.add("is_record", |call| {
        call.give_bool(call.hooks.kinds.of(&call.arg(0)) == Kind::Object)
    })?;
    // Proxies and other objects could change their length after it was looked at.
    natives.add("check_array", |call| {
        let array = call.arg(0);
        let name = call.text(1)?;
        if call.hooks.kinds.of(&array) == Kind::Array {
            let length =
                array.as_object().map(|array| array.get::<_, f64>("length")).transpose()?;
            if length.is_some_and(|length| length <= MAX_LENGTH) {
                return call.undefined();
            }
        }
        let message =
            format!("{name}() is supported for arrays of at most {MAX_LENGTH} items only.");
        Err(Error::named(ErrorCode::InvalidArgument, "RangeError", message).into())
    })?;
    natives.add("is_arguments", |call| {
        call.give_bool(call.hooks.kinds.of(&call.arg(0)) == Kind::Arguments)
    })?;
    register_urls(natives)?;
    register_bytes(natives)?;
    register_crypto(natives)
}

fn give_url<'js>(call: &Call<'_, 'js>, url: &Url) -> Done<'js> {
    let parts = Object::new(call.ctx.clone())?;
    for (name, value) in web::url_parts(url) {
        parts.set(name, value)?;
    }
    Ok(parts.into_value())
}

fn register_urls(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("url_parse", |call| {
        let base = call.present(1).map(|_| call.text(1)).transpose()?;
        give_url(call, &web::parse_url(&call.text(0)?, base.as_deref())?)
    })?;
    natives.add("url_set", |call| {
        let mut url = web::parse_url(&call.text(0)?, None)?;
        web::set_url_part(&mut url, &call.text(1)?, &call.text(2)?)?;
        give_url(call, &url)
    })?;
    natives.add("query_parse", |call| {
        let text = call.text(0)?;
        web::check_length(text.len())?;
        let list = Array::new(call.ctx.clone())?;
        let text = text.strip_prefix('?').unwrap_or(&text);
        for (at, (name, value)) in form_urlencoded::parse(text.as_bytes()).enumerate() {
            list.set(2 * at, &*name)?;
            list.set(2 * at + 1, &*value)?;
        }
        Ok(list.into_value())
    })?;
    natives.add("query_text", |call| {
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
    })
}

fn bytes(call: &Call<'_, '_>, at: usize) -> std::result::Result<Vec<u8>, Fail> {
    match call.read(at)? {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(illegal().into()),
    }
}

fn give_bytes<'js>(call: &Call<'_, 'js>, bytes: &[u8]) -> Done<'js> {
    Ok(TypedArray::<u8>::new_copy(call.ctx.clone(), bytes)?.into_value())
}

fn register_bytes(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("encode_utf8", |call| give_bytes(call, call.text(0)?.as_bytes()))?;
    natives.add("decode_utf8", |call| {
        let (bytes, fatal, keep_bom, stream) =
            (bytes(call, 0)?, call.flag(1), call.flag(2), call.flag(3));
        let used = if stream { bytes.len() - incomplete(&bytes) } else { bytes.len() };
        let body = &bytes[..used];
        let body = if keep_bom { body } else { web::without_mark(body) };
        let text = String::from_utf8_lossy(body);
        if fatal && matches!(text, std::borrow::Cow::Owned(_)) {
            return Err(Error::type_error("The encoded data was not valid UTF-8.").into());
        }
        let decoded = Array::new(call.ctx.clone())?;
        decoded.set(0, &*text)?;
        decoded.set(1, used as f64)?;
        Ok(decoded.into_value())
    })?;
    natives.add("btoa", |call| call.give_text(&web::encode_base64(&bytes(call, 0)?)))?;
    natives.add("atob", |call| {
        let decoded = web::decode_base64(call.text(0)?.as_bytes()).ok_or_else(|| {
            Error::named(
                ErrorCode::InvalidArgument,
                "InvalidCharacterError",
                "Invalid base64 text.",
            )
        })?;
        call.give_text(&decoded.into_iter().map(char::from).collect::<String>())
    })
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

fn register_crypto(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("random", |call| {
        let bytes = web::random(call.index(0)? as usize)?;
        give_bytes(call, &bytes)
    })?;
    natives.add("uuid", |call| call.give_text(&web::random_uuid()?))?;
    natives.add("digest", |call| {
        let (algorithm, data) = (call.text(0)?, bytes(call, 1)?);
        give_bytes(call, &web::digest(algorithm.as_bytes(), &data)?)
    })
}
