//! Responses.

use std::mem::MaybeUninit;

use facetbox::Response;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{lend_headers, lend_headers_mut, required, write};
use crate::headers::facetbox_headers_t;
use crate::slice::{facetbox_bytes_t, facetbox_str_t};

/// A response: status, headers and a whole body.
///
/// Threads: one at a time while it is changed.
pub struct facetbox_response_t(Response);

impl facetbox_response_t {
    /// A handle of `response`.
    pub fn boxed(response: Response) -> Box<facetbox_response_t> {
        Box::new(facetbox_response_t(response))
    }

    /// The response.
    pub fn get(&self) -> &Response {
        &self.0
    }

    /// The response, taken out.
    pub fn into_inner(self) -> Response {
        self.0
    }
}

/// Makes a response without headers or body. INVALID_ARGUMENT if the status is outside 200 to 599.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_new(
    status: u16,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_response_t::boxed(Response::new(status)?)))
}

/// Makes a response with status 200 and a text body, which is copied.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_new_text(
    body: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_response_t::boxed(Response::text(body.read("body")?))))
}

/// The status code.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_status(response: Option<&facetbox_response_t>) -> u16 {
    guard(|| response.map_or(0, |response| response.0.status()))
}

/// The headers, to be read.
///
/// Owns: borrowed from `response`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_headers(
    response: Option<&facetbox_response_t>,
) -> Option<&facetbox_headers_t> {
    guard(|| response.map(|response| lend_headers(&response.0.headers)))
}

/// The headers, to be changed.
///
/// Owns: borrowed from `response`.
/// Null: gives NULL.
/// Threads: one at a time for each `response`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_headers_mut(
    response: Option<&mut facetbox_response_t>,
) -> Option<&mut facetbox_headers_t> {
    guard(|| response.map(|response| lend_headers_mut(&mut response.0.headers)))
}

/// The body; absent where there is none, which differs from an empty one.
///
/// Owns: borrowed from `response`, until it changes.
/// Null: gives absent bytes.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_body(
    response: Option<&facetbox_response_t>,
) -> facetbox_bytes_t {
    guard(|| {
        facetbox_bytes_t::lend_optional(response.and_then(|response| response.0.body.as_deref()))
    })
}

/// Sets the body; the bytes are copied. Absent bytes take the body away.
///
/// Threads: one at a time for each `response`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_set_body(
    response: Option<&mut facetbox_response_t>,
    body: facetbox_bytes_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let body = body.read_optional("body")?.map(<[u8]>::to_vec);
        required(response, "response")?.0.body = body;
        Ok(())
    })
}

/// Another copy of the response; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_clone(
    response: Option<&facetbox_response_t>,
) -> Option<Box<facetbox_response_t>> {
    guard(|| response.map(|response| facetbox_response_t::boxed(response.0.clone())))
}

/// Frees a response.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_response_free(response: Option<Box<facetbox_response_t>>) {
    guard(|| drop(response));
}
