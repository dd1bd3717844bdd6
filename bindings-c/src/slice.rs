//! Text and bytes that cross the boundary as pointer and length.

use std::ffi::c_char;

use facetbox::{Error, Result};

/// Text in UTF-8: a pointer and a length in bytes, without a NUL at the end.
///
/// As an argument it is read during the call only. As a result it is borrowed from the handle that
/// it was asked from and lives as long as that handle, unless the function says otherwise. Text that
/// is absent has `data == NULL`; with `len == 0` the pointer is never read.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct facetbox_str_t {
    data: *const c_char,
    len: usize,
}

/// Bytes: a pointer and a length. Borrowed as `facetbox_str_t` is; absent bytes have `data == NULL`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct facetbox_bytes_t {
    data: *const u8,
    len: usize,
}

impl facetbox_str_t {
    /// Text that is absent.
    pub const NONE: facetbox_str_t = facetbox_str_t { data: std::ptr::null(), len: 0 };

    /// Text whose lifetime the calling function documents.
    pub fn lend(text: &str) -> facetbox_str_t {
        facetbox_str_t { data: text.as_ptr().cast(), len: text.len() }
    }

    /// Text that may be absent.
    pub fn lend_optional(text: Option<&str>) -> facetbox_str_t {
        text.map_or(facetbox_str_t::NONE, facetbox_str_t::lend)
    }

    /// The text; `argument` is its name for the error.
    pub fn read(&self, argument: &str) -> Result<&str> {
        let bytes =
            facetbox_bytes_t { data: self.data.cast(), len: self.len }.read_for(argument)?;
        std::str::from_utf8(bytes).map_err(|e| {
            let at = e.valid_up_to();
            Error::type_error(format!("Argument '{argument}' is not UTF-8: wrong byte at {at}."))
        })
    }

    /// The text, or `None` where it is absent.
    pub fn read_optional(&self, argument: &str) -> Result<Option<&str>> {
        match self.data.is_null() && self.len == 0 {
            true => Ok(None),
            false => self.read(argument).map(Some),
        }
    }
}

impl facetbox_bytes_t {
    /// Bytes that are absent.
    pub const NONE: facetbox_bytes_t = facetbox_bytes_t { data: std::ptr::null(), len: 0 };

    /// Bytes whose lifetime the calling function documents.
    pub fn lend(bytes: &[u8]) -> facetbox_bytes_t {
        facetbox_bytes_t { data: bytes.as_ptr(), len: bytes.len() }
    }

    /// Bytes that may be absent.
    pub fn lend_optional(bytes: Option<&[u8]>) -> facetbox_bytes_t {
        bytes.map_or(facetbox_bytes_t::NONE, facetbox_bytes_t::lend)
    }

    /// The bytes; `argument` is their name for the error.
    pub fn read(&self, argument: &str) -> Result<&[u8]> {
        self.read_for(argument)
    }

    /// The bytes, or `None` where they are absent.
    pub fn read_optional(&self, argument: &str) -> Result<Option<&[u8]>> {
        match self.data.is_null() && self.len == 0 {
            true => Ok(None),
            false => self.read(argument).map(Some),
        }
    }

    fn read_for<'a>(self, argument: &str) -> Result<&'a [u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() {
            let message = format!("Argument '{argument}' is NULL but has length {}.", self.len);
            return Err(Error::type_error(message));
        }
        if self.len > isize::MAX as usize {
            let message = format!("Argument '{argument}' has the impossible length {}.", self.len);
            return Err(Error::type_error(message));
        }
        // SAFETY: the pointer isn't NULL and the length fits. C code made the pair, and the header
        // asks of it that `data` points to `len` bytes which nobody changes during the call; the
        // slice is used within the call only, because every caller copies or reads it at once.
        Ok(unsafe { std::slice::from_raw_parts(self.data, self.len) })
    }
}
