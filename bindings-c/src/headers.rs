//! Header fields.

use std::mem::MaybeUninit;

use facetbox::Headers;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// A list of header fields, inside a request, response or value; names are in lower case.
///
/// Owns: borrowed from the request, response or value, never freed.
/// Threads: one at a time.
#[repr(transparent)]
pub struct facetbox_headers_t(Headers);

fn field(headers: Option<&facetbox_headers_t>, index: usize) -> Option<(&str, &str)> {
    headers?.0.iter().nth(index)
}

/// How many header fields there are; a name may stand several times.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_len(headers: Option<&facetbox_headers_t>) -> usize {
    guard(|| headers.map_or(0, |headers| headers.0.iter().len()))
}

/// The name of field `index`; absent beyond the end.
///
/// Owns: borrowed from `headers`, until they change.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_name_at(
    headers: Option<&facetbox_headers_t>,
    index: usize,
) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(field(headers, index).map(|(name, _)| name)))
}

/// The value of field `index`; absent beyond the end.
///
/// Owns: borrowed from `headers`, until they change.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_value_at(
    headers: Option<&facetbox_headers_t>,
    index: usize,
) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(field(headers, index).map(|(_, value)| value)))
}

/// Writes the values of `name`, joined by `", "`, into `*out` as a text; NULL if there is none.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_get(
    headers: Option<&facetbox_headers_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Option<Box<facetbox_value_t>>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let value = required(headers, "headers")?.0.get(name.read("name")?);
        write(out, value.map(facetbox_value_t::boxed))
    })
}

/// Replaces every field `name` by one. INVALID_ARGUMENT if the name is no HTTP token or the value has
/// a line break or NUL.
///
/// Threads: one at a time for each `headers`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_set(
    headers: Option<&mut facetbox_headers_t>,
    name: facetbox_str_t,
    value: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(headers, "headers")?.0.set(name.read("name")?, value.read("value")?))
}

/// Adds a field beside those of the same name. Otherwise as `facetbox_headers_set`.
///
/// Threads: one at a time for each `headers`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_append(
    headers: Option<&mut facetbox_headers_t>,
    name: facetbox_str_t,
    value: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(headers, "headers")?.0.append(name.read("name")?, value.read("value")?))
}

/// Removes every field `name`.
///
/// Threads: one at a time for each `headers`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_headers_delete(
    headers: Option<&mut facetbox_headers_t>,
    name: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(headers, "headers")?.0.delete(name.read("name")?);
        Ok(())
    })
}
