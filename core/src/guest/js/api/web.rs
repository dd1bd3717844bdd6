//! Natives of the web API: URLs, text, bytes, digests.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rquickjs::{Array, Object, TypedArray};
use sha2::{Digest, Sha256, Sha384, Sha512};
use url::{Url, form_urlencoded, quirks};

use super::Natives;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::js::native::{Call, Done, Fail, illegal};
use crate::guest::js::vm::Kind;
use crate::http::Request;
use crate::value::Value;

/// The most that one call of `crypto.getRandomValues` fills, as in the Web Cryptography standard.
const RANDOM_BYTES: usize = 65_536;
/// Longest array that the engine may walk without looking at the guest's limits.
const MAX_LENGTH: f64 = 16_777_216.0;
/// Longest URL or query that is parsed.
const URL_BYTES: usize = 1 << 20;

/// Decodes as `atob` does: padding may be missing, unused bits are ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn register(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("request", |call| {
        let (method, url) = (call.text(0)?, call.text(1)?);
        check_length(url.len())?;
        let request = Request::new(&method, &url)?;
        let parts = Array::new(call.ctx.clone())?;
        parts.set(0, request.method())?;
        parts.set(1, request.url())?;
        Ok(parts.into_value())
    })?;
    natives.add("is_plain", |call| {
        let value = call.arg(0);
        let prototype = value.as_object().and_then(Object::get_prototype);
        call.give_bool(prototype.is_none_or(|prototype| prototype == call.hooks.object))
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

/// Refuses a URL or query that would take long to parse.
fn check_length(bytes: usize) -> Result<()> {
    if bytes > URL_BYTES {
        return Err(Error::type_error(format!("A URL is longer than {URL_BYTES} bytes.")));
    }
    Ok(())
}

fn invalid() -> Error {
    Error::type_error("Invalid URL string.")
}

fn parse(text: &str, base: Option<&str>) -> Result<Url> {
    check_length(text.len() + base.map_or(0, str::len))?;
    let base = base.map(Url::parse).transpose().map_err(|_| invalid())?;
    Url::options().base_url(base.as_ref()).parse(text).map_err(|_| invalid())
}

/// Changes one part as an assignment does: what doesn't fit is ignored, save `href`.
fn set(url: &mut Url, part: &str, value: &str) -> Result<()> {
    check_length(value.len())?;
    let _ = match part {
        "href" => return quirks::set_href(url, value).map_err(|_| invalid()),
        "protocol" => quirks::set_protocol(url, value),
        "username" => quirks::set_username(url, value),
        "password" => quirks::set_password(url, value),
        "host" => quirks::set_host(url, value),
        "hostname" => quirks::set_hostname(url, value),
        "port" => quirks::set_port(url, value),
        "pathname" => {
            quirks::set_pathname(url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(url, value);
            Ok(())
        }
        _ => {
            quirks::set_hash(url, value);
            Ok(())
        }
    };
    Ok(())
}

fn give_url<'js>(call: &Call<'_, 'js>, url: &Url) -> Done<'js> {
    let parts = Object::new(call.ctx.clone())?;
    parts.set("href", quirks::href(url))?;
    parts.set("protocol", quirks::protocol(url))?;
    parts.set("username", quirks::username(url))?;
    parts.set("password", quirks::password(url))?;
    parts.set("host", quirks::host(url))?;
    parts.set("hostname", quirks::hostname(url))?;
    parts.set("port", quirks::port(url))?;
    parts.set("pathname", quirks::pathname(url))?;
    parts.set("search", quirks::search(url))?;
    parts.set("hash", quirks::hash(url))?;
    parts.set("origin", url.origin().ascii_serialization())?;
    Ok(parts.into_value())
}

fn register_urls(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("url_parse", |call| {
        let base = call.present(1).map(|_| call.text(1)).transpose()?;
        give_url(call, &parse(&call.text(0)?, base.as_deref())?)
    })?;
    natives.add("url_set", |call| {
        let mut url = parse(&call.text(0)?, None)?;
        set(&mut url, &call.text(1)?, &call.text(2)?)?;
        give_url(call, &url)
    })?;
    natives.add("query_parse", |call| {
        let text = call.text(0)?;
        check_length(text.len())?;
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
        for at in (0..list.len()).step_by(2) {
            query.append_pair(&list.get::<String>(at)?, &list.get::<String>(at + 1)?);
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
        let body = if keep_bom { body } else { body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body) };
        let text = String::from_utf8_lossy(body);
        if fatal && matches!(text, std::borrow::Cow::Owned(_)) {
            return Err(Error::type_error("The encoded data was not valid UTF-8.").into());
        }
        let decoded = Array::new(call.ctx.clone())?;
        decoded.set(0, &*text)?;
        decoded.set(1, used as f64)?;
        Ok(decoded.into_value())
    })?;
    natives.add("btoa", |call| call.give_text(&BASE64.encode(bytes(call, 0)?)))?;
    natives.add("atob", |call| {
        let text: String = call.text(0)?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let decoded = BASE64.decode(text).map_err(|_| {
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

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|_| Error::new(ErrorCode::Unsupported, "the system gives no random bytes"))
}

fn register_crypto(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("random", |call| {
        let length = call.index(0)? as usize;
        if length > RANDOM_BYTES {
            let message =
                format!("crypto.getRandomValues fills at most {RANDOM_BYTES} bytes, not {length}.");
            return Err(
                Error::named(ErrorCode::InvalidArgument, "QuotaExceededError", message).into()
            );
        }
        let mut bytes = vec![0; length];
        random(&mut bytes)?;
        give_bytes(call, &bytes)
    })?;
    natives.add("uuid", |call| {
        let mut bytes = [0; 16];
        random(&mut bytes)?;
        // Version 4, variant 1.
        let bits = u128::from_be_bytes(bytes) & !(0xf << 76) | 4 << 76;
        let bits = bits & !(0b11 << 62) | 0b10 << 62;
        let hex = format!("{bits:032x}");
        call.give_text(&[&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
    })?;
    natives.add("digest", |call| {
        let (algorithm, data) = (call.text(0)?, bytes(call, 1)?);
        match algorithm.to_ascii_uppercase().as_str() {
            "SHA-256" => give_bytes(call, &Sha256::digest(data)),
            "SHA-384" => give_bytes(call, &Sha384::digest(data)),
            "SHA-512" => give_bytes(call, &Sha512::digest(data)),
            _ => Err(Error::named(
                ErrorCode::Unsupported,
                "NotSupportedError",
                "Unsupported digest algorithm; there are SHA-256, SHA-384 and SHA-512.",
            )
            .into()),
        }
    })
}
