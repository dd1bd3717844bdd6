//! Values that are requests, responses and headers.

use std::mem::MaybeUninit;

use facetbox::{Headers, Value};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{lend_headers, lend_headers_mut, required, write};
use crate::headers::facetbox_headers_t;
use crate::request::facetbox_request_t;
use crate::response::facetbox_response_t;
use crate::value::facetbox_value_t;
use crate::value_read::find;

/// Makes a value of a request, to be passed in arguments or results.
///
/// Owns: the caller, `*out`; `request` is borrowed and copied.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_request(
    request: Option<&facetbox_request_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(request, "request")?.get().clone())))
}

/// Makes a value of a response, to be passed in arguments or results.
///
/// Owns: the caller, `*out`; `response` is borrowed and copied.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_response(
    response: Option<&facetbox_response_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(response, "response")?.get().clone())))
}

/// Makes a value that is a list of header fields without any.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_headers() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Headers::new())))
}

/// Writes a copy of a request that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_request(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_request_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Request(request) => Some(Box::new((**request).clone().into())),
            _ => None,
        })
    })
}

/// Writes a copy of a response that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_response(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Response(response) => Some(facetbox_response_t::boxed((**response).clone())),
            _ => None,
        })
    })
}

/// The header fields that a value is, to be read; NULL for any other value.
///
/// Owns: borrowed from `value`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_headers(
    value: Option<&facetbox_value_t>,
) -> Option<&facetbox_headers_t> {
    guard(|| match value?.get() {
        Value::Headers(headers) => Some(lend_headers(headers)),
        _ => None,
    })
}

/// The header fields that a value is, to be changed; NULL for any other value.
///
/// Owns: borrowed from `value`.
/// Null: gives NULL.
/// Threads: one at a time for each `value`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_headers_mut(
    value: Option<&mut facetbox_value_t>,
) -> Option<&mut facetbox_headers_t> {
    guard(|| match value?.get_mut() {
        Value::Headers(headers) => Some(lend_headers_mut(headers)),
        _ => None,
    })
}
