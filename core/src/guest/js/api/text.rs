//! Natives for texts, unit by unit: what isn't valid Unicode stays as it is.

#![expect(unsafe_code, reason = "the binding knows texts as UTF-8 only")]

use std::iter::from_fn;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use rquickjs::{Ctx, Value as JsValue, qjs};

use super::Natives;
use crate::guest::js::expressions;
use crate::guest::js::native::{Call, Done, illegal};

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"normalize", |call| {
        let text = call.arg(0);
        if !text.is_string() {
            return Err(illegal().into());
        }
        let Some(units) = units(call.ctx, &text)? else { return Ok(text) };
        let form = call.text(1)?;
        give_units(call, &normalize(&units, &form))
    });
    natives.add(c"check_expression", |call| {
        let (pattern, has_sets) = (call.arg(0), call.arg(1).as_bool().unwrap_or(true));
        match expressions::check(call.ctx, &pattern, has_sets) {
            Some(Ok(())) => call.give_bool(true),
            Some(Err(what)) => Err(rquickjs::Exception::throw_range(call.ctx, &what).into()),
            None => Err(rquickjs::Error::Exception.into()),
        }
    });
    // Comparing a text with itself takes the engine as long as it is.
    natives.add(c"is_same", |call| call.give_bool(place(&call.arg(0)) == place(&call.arg(1))));
    natives.add(c"may_hold", |call| call.give_bool(call.shared.guard.may_hold(call.number(0)?)));
}

/// Where a text is.
fn place(text: &JsValue<'_>) -> *mut qjs::c_void {
    // SAFETY: the value is alive; of what is no text this gives what is no text's place.
    unsafe { qjs::JS_VALUE_GET_PTR(text.as_raw()) }
}

/// Brings each run of valid Unicode into a form.
fn normalize(units: &[u16], form: &str) -> Vec<u16> {
    let mut normal = Vec::with_capacity(units.len());
    let mut chars = char::decode_utf16(units.iter().copied()).peekable();
    loop {
        let valid = from_fn(|| chars.next_if(Result::is_ok)?.ok());
        match form {
            "NFC" => put(&mut normal, ComposingNormalizerBorrowed::new_nfc().normalize_iter(valid)),
            "NFKC" => {
                put(&mut normal, ComposingNormalizerBorrowed::new_nfkc().normalize_iter(valid))
            }
            "NFD" => {
                put(&mut normal, DecomposingNormalizerBorrowed::new_nfd().normalize_iter(valid))
            }
            _ => put(&mut normal, DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(valid)),
        }
        match chars.next() {
            Some(Err(lone)) => normal.push(lone.unpaired_surrogate()),
            _ => return normal,
        }
    }
}

fn put(units: &mut Vec<u16>, chars: impl Iterator<Item = char>) {
    chars.for_each(|char| units.extend_from_slice(char.encode_utf16(&mut [0; 2])));
}

/// A text with U+FFFD for each lone surrogate, as the web's interfaces make texts valid.
pub fn valid_text<'js>(ctx: &Ctx<'js>, text: &JsValue<'js>) -> rquickjs::Result<String> {
    let string = text.as_string().ok_or(rquickjs::Error::Unknown)?;
    match string.to_string() {
        Err(rquickjs::Error::Utf8(_)) => {
            Ok(units(ctx, text)?.map_or_else(String::new, |units| String::from_utf16_lossy(&units)))
        }
        text => text,
    }
}

/// A copy of a text; None if all of it is ASCII.
fn units(ctx: &Ctx<'_>, text: &JsValue<'_>) -> rquickjs::Result<Option<Vec<u16>>> {
    let context = ctx.as_raw().as_ptr();
    let mut length = 0;
    // SAFETY: the context and the text are alive.
    let start = unsafe { qjs::JS_ToCStringLenUTF16(context, &mut length, text.as_raw()) };
    if start.is_null() {
        return Err(rquickjs::Error::Exception);
    }
    // SAFETY: it points to so many units, which stay until they are freed below.
    let units = unsafe { std::slice::from_raw_parts(start, length as usize) };
    let copy = units.iter().any(|unit| *unit >= 0x80).then(|| units.to_vec());
    // SAFETY: it was given out by the call above; the engine frees texts of either width alike.
    unsafe { qjs::JS_FreeCString(context, start.cast()) };
    Ok(copy)
}

fn give_units<'js>(call: &Call<'_, 'js>, units: &[u16]) -> Done<'js> {
    let context = call.ctx.as_raw().as_ptr();
    // SAFETY: the context is alive; the engine copies the units.
    let text = unsafe { qjs::JS_NewStringUTF16(context, units.as_ptr(), units.len() as _) };
    // SAFETY: a new value of this context, whose reference is ours.
    let text = unsafe { JsValue::from_raw(call.ctx.clone(), text) };
    if text.is_exception() { Err(rquickjs::Error::Exception.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_valid_unicode_stays() {
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        assert_eq!(normalize(&units("e\u{301}"), "NFC"), units("\u{e9}"));
        assert_eq!(normalize(&units("\u{e9}"), "NFD"), units("e\u{301}"));
        assert_eq!(normalize(&units("\u{fb01}"), "NFKC"), units("fi"));
        let split = [0xe9, 0xd800, 0x301, 0xdc00];
        assert_eq!(normalize(&split, "NFC"), split);
        assert_eq!(normalize(&split, "NFKD"), [0x65, 0x301, 0xd800, 0x301, 0xdc00]);
    }
}
