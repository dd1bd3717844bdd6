//! Requests.

use std::mem::MaybeUninit;

use facetbox::Request;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{lend_headers, lend_headers_mut, required, write};
use crate::headers::facetbox_headers_t;
use crate::slice::{facetbox_bytes_t, facetbox_str_t};

/// A request: method, absolute URL, headers and a whole body.
///
/// Threads: one at a time while it is changed.
pub struct facetbox_request_t(Request);

impl From<Request> for facetbox_request_t {
    fn from(request: Request) -> facetbox_request_t {
        facetbox_request_t(request)
    }
}

impl facetbox_request_t {
    /// The request.
    pub fn get(&self) -> &Request {
        &self.0
    }
}

/// Makes a request. The URL is parsed and normalised and loses its fragment; INVALID_ARGUMENT if it
/// isn't absolute or the method is no HTTP token.
///
/// Owns: the caller, `*out`.
/// Null: an absent `method` is GET.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_new(
    method: facetbox_str_t,
    url: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_request_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let method = method.read_optional("method")?.unwrap_or("GET");
        write(out, Box::new(facetbox_request_t(Request::new(method, url.read("url")?)?)))
    })
}

/// The method, such as `GET`.
///
/// Owns: borrowed from `request`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_method(request: Option<&facetbox_request_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(request.map(|request| request.0.method())))
}

/// The absolute URL.
///
/// Owns: borrowed from `request`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_url(request: Option<&facetbox_request_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(request.map(|request| request.0.url())))
}

/// The headers, to be read.
///
/// Owns: borrowed from `request`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_headers(
    request: Option<&facetbox_request_t>,
) -> Option<&facetbox_headers_t> {
    guard(|| request.map(|request| lend_headers(&request.0.headers)))
}

/// The headers, to be changed.
///
/// Owns: borrowed from `request`.
/// Null: gives NULL.
/// Threads: one at a time for each `request`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_headers_mut(
    request: Option<&mut facetbox_request_t>,
) -> Option<&mut facetbox_headers_t> {
    guard(|| request.map(|request| lend_headers_mut(&mut request.0.headers)))
}

/// The body; absent where there is none, which differs from an empty one.
///
/// Owns: borrowed from `request`, until it changes.
/// Null: gives absent bytes.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_body(request: Option<&facetbox_request_t>) -> facetbox_bytes_t {
    guard(|| facetbox_bytes_t::lend_optional(request.and_then(|request| request.0.body.as_deref())))
}

/// Sets the body; the bytes are copied. Absent bytes take the body away.
///
/// Threads: one at a time for each `request`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_set_body(
    request: Option<&mut facetbox_request_t>,
    body: facetbox_bytes_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let body = body.read_optional("body")?.map(<[u8]>::to_vec);
        required(request, "request")?.0.body = body;
        Ok(())
    })
}

/// Another copy of the request; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_clone(
    request: Option<&facetbox_request_t>,
) -> Option<Box<facetbox_request_t>> {
    guard(|| request.map(|request| Box::new(facetbox_request_t(request.0.clone()))))
}

/// Frees a request.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_request_free(request: Option<Box<facetbox_request_t>>) {
    guard(|| drop(request));
}
