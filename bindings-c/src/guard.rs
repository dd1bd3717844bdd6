//! The barrier between Rust and C: no panic leaves a function of this library.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use facetbox::{Error, ErrorCode, Result};

use crate::error::facetbox_error_t;
use crate::slice::{facetbox_bytes_t, facetbox_str_t};
use crate::value_read::facetbox_value_type_t;

/// What the body of a function answers, and what C gets in its place.
pub trait Outcome {
    /// The type that C sees.
    type Foreign;

    /// Converts an ordinary answer.
    fn into_foreign(self) -> Self::Foreign;

    /// The answer of a function that panicked.
    fn panicked(message: String) -> Self::Foreign;
}

/// Runs the body of an extern function and catches its panics.
pub fn guard<R: Outcome>(body: impl FnOnce() -> R) -> R::Foreign {
    // Unwind safety: core breaks the actor that a panic went through, and handles are immutable or
    // lent to this call alone, so nobody sees a half-changed state.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(outcome) => outcome.into_foreign(),
        Err(panic) => R::panicked(describe(&*panic)),
    }
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("Facetbox panicked: {}", text.unwrap_or("no message"))
}

impl Outcome for Result<()> {
    type Foreign = Option<Box<facetbox_error_t>>;

    fn into_foreign(self) -> Self::Foreign {
        self.err().map(facetbox_error_t::boxed)
    }

    fn panicked(message: String) -> Self::Foreign {
        Some(facetbox_error_t::boxed(Error::new(ErrorCode::Panic, message)))
    }
}

/// The answer of functions that make a handle and can't fail: NULL after a panic.
impl<T> Outcome for Option<Box<T>> {
    type Foreign = Option<Box<T>>;

    fn into_foreign(self) -> Self::Foreign {
        self
    }

    fn panicked(_message: String) -> Self::Foreign {
        None
    }
}

/// Answers that are the same in Rust and C, with what C gets after a panic.
macro_rules! plain {
    ($($type:ty => $neutral:expr;)*) => {
        $(impl Outcome for $type {
            type Foreign = $type;

            fn into_foreign(self) -> $type {
                self
            }

            fn panicked(_message: String) -> $type {
                $neutral
            }
        })*
    };
}

plain! {
    () => ();
    bool => false;
    u16 => 0;
    u32 => 0;
    u64 => 0;
    usize => 0;
    *mut c_void => std::ptr::null_mut();
    i64 => 0;
    i32 => ErrorCode::Panic as i32;
    facetbox_str_t => facetbox_str_t::NONE;
    facetbox_bytes_t => facetbox_bytes_t::NONE;
    facetbox_value_type_t => facetbox_value_type_t::FACETBOX_TYPE_NULL;
}

impl<'a, T> Outcome for Option<&'a T> {
    type Foreign = Option<&'a T>;

    fn into_foreign(self) -> Self::Foreign {
        self
    }

    fn panicked(_message: String) -> Self::Foreign {
        None
    }
}

impl<'a, T> Outcome for Option<&'a mut T> {
    type Foreign = Option<&'a mut T>;

    fn into_foreign(self) -> Self::Foreign {
        self
    }

    fn panicked(_message: String) -> Self::Foreign {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = guard(|| -> Result<()> { panic!("boom {}", 1) }).expect("an error");
        assert_eq!(error.get().code(), ErrorCode::Panic);
        assert_eq!(error.get().message(), "Facetbox panicked: boom 1");
        assert!(!guard(|| -> bool { panic!("boom") }));
        assert!(guard(|| -> Option<Box<i32>> { panic!("boom") }).is_none());
    }
}
