//! Handles: how ownership is written in the signatures.
//!
//! | Rust | C | meaning |
//! |---|---|---|
//! | `Option<&T>` | `const T *` | borrowed during the call; NULL is refused or means "none" |
//! | `Option<&mut T>` | `T *` | borrowed and changed; no other thread may use it meanwhile |
//! | `Option<Box<T>>` | `T *` | taken over: the function frees it, also when it fails |
//! | `Option<&mut MaybeUninit<Box<T>>>` | `T **` | written on success only; the caller owns it |
//!
//! Core's types share what they stand for, so a handle is a box of one, and handles may be freed in
//! any order: what a handle needs lives as long as it does.

use std::mem::MaybeUninit;

use facetbox::{Error, Headers, Result, Value};

use crate::headers::facetbox_headers_t;
use crate::value::facetbox_value_t;

/// Refuses NULL, naming the argument.
pub fn required<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| Error::type_error(format!("Argument '{name}' must not be NULL.")))
}

/// Writes a result to where the caller wants it.
pub fn write<T>(out: Option<&mut MaybeUninit<T>>, value: T) -> Result<()> {
    required(out, "out")?.write(value);
    Ok(())
}

/// Shows a value inside another one to C, without copying it.
pub fn lend(value: &Value) -> &facetbox_value_t {
    let pointer = std::ptr::from_ref(value).cast::<facetbox_value_t>();
    // SAFETY: `facetbox_value_t` is `repr(transparent)` over `Value`, so the pointer is valid and
    // aligned for it, and the result borrows `value` for the same lifetime.
    unsafe { &*pointer }
}

/// Shows the headers inside a request or response to C.
pub fn lend_headers(headers: &Headers) -> &facetbox_headers_t {
    let pointer = std::ptr::from_ref(headers).cast::<facetbox_headers_t>();
    // SAFETY: as in `lend`: `facetbox_headers_t` is `repr(transparent)` over `Headers`.
    unsafe { &*pointer }
}

/// Like `lend_headers`, to be changed.
pub fn lend_headers_mut(headers: &mut Headers) -> &mut facetbox_headers_t {
    let pointer = std::ptr::from_mut(headers).cast::<facetbox_headers_t>();
    // SAFETY: as in `lend`; the borrow of `headers` is exclusive, and so is the result.
    unsafe { &mut *pointer }
}
