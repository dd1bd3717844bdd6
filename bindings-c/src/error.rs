//! Errors: code, name, message, stack and path.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use facetbox::{Error, ErrorCode};

use crate::callback::{ForeignData, facetbox_drop_fn};
use crate::guard::guard;
use crate::handle::{lend, required};
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// What went wrong. Functions that can fail return one, or NULL for success.
///
/// Owns: whoever gets one frees it with `facetbox_error_free`.
/// Threads: any; it never changes.
pub struct facetbox_error_t(Error);

/// The numbers that `facetbox_error_code` answers. They never change; later versions may add more.
#[repr(C)]
pub enum facetbox_error_code_t {
    /// Success: the code of a NULL error.
    FACETBOX_OK = 0,
    /// An argument or option has a wrong type, value or range.
    FACETBOX_ERR_INVALID_ARGUMENT = 101,
    /// The runtime or handle was closed.
    FACETBOX_ERR_CLOSED = 102,
    /// The runtime was opened in another process, before a fork.
    FACETBOX_ERR_FORKED = 103,
    /// The data directory is open in another runtime.
    FACETBOX_ERR_IN_USE = 104,
    /// The operation or module type is not supported.
    FACETBOX_ERR_UNSUPPORTED = 105,
    /// No such namespace, object, facet, method or export.
    FACETBOX_ERR_NOT_FOUND = 201,
    /// Guest code threw an error, with its own name, message and stack.
    FACETBOX_ERR_GUEST_ERROR = 301,
    /// Guest code does not load: syntax, missing or cyclic module, size.
    FACETBOX_ERR_LOAD_ERROR = 302,
    /// A value can't cross between host and guest: cycle, depth, type or range.
    FACETBOX_ERR_VALUE_ERROR = 303,
    /// The event used more CPU time than cpu_ms.
    FACETBOX_ERR_LIMIT_CPU = 401,
    /// The event took longer than wall_ms.
    FACETBOX_ERR_LIMIT_WALL = 402,
    /// The virtual machine needed more memory than memory_bytes.
    FACETBOX_ERR_LIMIT_MEMORY = 403,
    /// The stack of guest or host calls grew too deep.
    FACETBOX_ERR_LIMIT_STACK = 404,
    /// The database would grow past storage_bytes.
    FACETBOX_ERR_LIMIT_STORAGE = 405,
    /// The event made more calls to the outside than subrequests.
    FACETBOX_ERR_LIMIT_SUBREQUESTS = 406,
    /// A message is larger than message_bytes.
    FACETBOX_ERR_LIMIT_MESSAGE = 407,
    /// The object has more facets than the limit.
    FACETBOX_ERR_LIMIT_FACETS = 408,
    /// Facets or calls are nested deeper than the limit.
    FACETBOX_ERR_LIMIT_DEPTH = 409,
    /// The database or the file system refused an operation.
    FACETBOX_ERR_STORAGE = 501,
    /// A file is corrupt, too new or not one of ours; it is left untouched.
    FACETBOX_ERR_CORRUPT = 502,
    /// The object or facet was aborted, with the reason as the message.
    FACETBOX_ERR_ABORTED = 601,
    /// The object was reset and rolled back to its last committed state.
    FACETBOX_ERR_RESET = 602,
    /// Calls wait for each other in a cycle.
    FACETBOX_ERR_DEADLOCK = 603,
    /// A bug in Facetbox or a panic in host code; the object involved was reset.
    FACETBOX_ERR_PANIC = 901,
}

impl facetbox_error_t {
    /// A handle of `error`.
    pub fn boxed(error: Error) -> Box<facetbox_error_t> {
        Box::new(facetbox_error_t(error))
    }

    /// The error.
    pub fn get(&self) -> &Error {
        &self.0
    }

    /// The error, taken out.
    pub fn into_inner(self) -> Error {
        self.0
    }
}

/// Makes an error for a callback to return. `code` is one of `facetbox_error_code_t`, such as
/// `FACETBOX_ERR_GUEST_ERROR` for what the host's own code throws; `name` is what guests read as
/// the error's name, and may be absent.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned. For wrong arguments it makes an error that says so.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_new(
    code: i32,
    name: facetbox_str_t,
    message: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let make = || {
            let code = ErrorCode::from_number(code).ok_or_else(|| {
                Error::type_error(format!("Argument 'code' is no error code: {code}."))
            })?;
            let name = name.read_optional("name")?.unwrap_or(code.guest_name());
            Ok(Error::named(code, name, message.read("message")?))
        };
        Some(facetbox_error_t::boxed(make().unwrap_or_else(|wrong| wrong)))
    })
}

/// Makes the error of a call to a method that a class or object doesn't have.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_no_such_method(
    method: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let error = method.read("method").map(facetbox::no_such_method);
        Some(facetbox_error_t::boxed(error.unwrap_or_else(|wrong| wrong)))
    })
}

/// Makes the error of a request to a class without a fetch handler.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_no_fetch_handler() -> Option<Box<facetbox_error_t>> {
    guard(|| Some(facetbox_error_t::boxed(facetbox::no_fetch_handler())))
}

/// Makes the error of an alarm on a class without a handler for it.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: never returned.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_no_alarm_handler() -> Option<Box<facetbox_error_t>> {
    guard(|| Some(facetbox_error_t::boxed(facetbox::no_alarm_handler())))
}

/// Attaches something of the host's own to an error before a callback returns it: what the host
/// threw, say. It comes out with the error where nobody caught that.
///
/// Owns: takes `host`, which `drop` gets when no copy of the error is left.
/// Threads: one at a time for each `error`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_set_host(
    error: Option<&mut facetbox_error_t>,
    host: *mut c_void,
    drop: facetbox_drop_fn,
) -> Option<Box<facetbox_error_t>> {
    let data = ForeignData::new(host, drop);
    guard(|| {
        let error = &mut required(error, "error")?.0;
        *error = error.clone().with_host(Arc::new(data));
        Ok(())
    })
}

/// What the host attached to an error together with this `drop`, which tells its kinds of data apart;
/// NULL if there is nothing of that kind.
///
/// Owns: borrowed from `error`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_host(
    error: Option<&facetbox_error_t>,
    drop: facetbox_drop_fn,
) -> *mut c_void {
    guard(|| {
        let host = error.and_then(|error| error.0.host_exception());
        let data = host.and_then(|host| host.downcast_ref::<ForeignData>());
        data.filter(|data| data.is_of(drop)).map_or(ptr::null_mut(), ForeignData::pointer)
    })
}

/// The stable number of the error; `FACETBOX_OK` for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_code(error: Option<&facetbox_error_t>) -> i32 {
    guard(|| error.map_or(0, |error| error.0.code() as i32))
}

/// The stable name of an error's number, such as `LIMIT_CPU`; absent for numbers that are no code.
///
/// Owns: nobody; it lives for ever.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_code_name(code: i32) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(ErrorCode::from_number(code).map(ErrorCode::name)))
}

/// The error's name, such as `TypeError`.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_name(error: Option<&facetbox_error_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(error.map(|error| error.0.name())))
}

/// The message, without the name.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_message(error: Option<&facetbox_error_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(error.map(|error| error.0.message())))
}

/// The guest's stack, innermost frame first, a line `module:line` each; absent without one.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_stack(error: Option<&facetbox_error_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(error.and_then(|error| error.0.stack())))
}

/// What led to the error, in most cases another error: `Error.prototype.cause` of JavaScript.
///
/// Owns: borrowed from `error`.
/// Null: gives NULL; NULL for an error without a cause.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_cause(
    error: Option<&facetbox_error_t>,
) -> Option<&facetbox_value_t> {
    guard(|| error.and_then(|error| error.0.cause()).map(lend))
}

/// Sets what led to an error before a callback returns it.
///
/// Owns: `cause` is borrowed.
/// Threads: one at a time for each `error`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_set_cause(
    error: Option<&mut facetbox_error_t>,
    cause: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (error, cause) = (&mut required(error, "error")?.0, required(cause, "cause")?.get());
        *error = error.clone().with_cause(cause.clone());
        Ok(())
    })
}

/// The path `namespace/object/facet/...` of where it happened; absent if it was nowhere.
///
/// Owns: borrowed from `error`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_path(error: Option<&facetbox_error_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(error.and_then(|error| error.0.path())))
}

/// Another handle of the same error.
///
/// Owns: the caller.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_clone(
    error: Option<&facetbox_error_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| error.map(|error| facetbox_error_t::boxed(error.0.clone())))
}

/// Frees an error.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_error_free(error: Option<Box<facetbox_error_t>>) {
    guard(|| drop(error));
}
