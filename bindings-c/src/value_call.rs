//! Calling functions and objects that are values.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::{Error, Result, RpcStub};

use crate::callback::{Completion, facetbox_call_done_fn};
use crate::cancel::facetbox_cancel_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// What is called.
fn stub(value: Option<&facetbox_value_t>) -> Result<RpcStub> {
    let value = required(value, "value")?.get();
    RpcStub::from_value(value)
        .ok_or_else(|| Error::type_error(format!("A {} can't be called.", value.type_name())))
}

/// Calls a function, or a method of an object, that is a value: what a guest has passed in arguments or
/// a result, too. Blocks until it answers or is cancelled.
///
/// What a guest has made works while its instance runs: it answers ABORTED once that has hibernated, was
/// aborted or hit a limit. The guest keeps it until the last copy of the value is freed. Fails with what
/// the function throws, NOT_FOUND for a method that isn't there, INVALID_ARGUMENT for a value that can't
/// be called.
///
/// Owns: the caller, `*out`; `value`, `args`, a list, and `cancel` are borrowed.
/// Null: absent `method` calls a function; NULL `args` are none; with a NULL `cancel` it can't be
/// cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_call(
    value: Option<&facetbox_value_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = stub(value)?;
        let call = stub.call(method.read_optional("method")?, facetbox_value_t::args(args)?);
        let out = required(out, "out")?;
        let result = stub.wait_for(facetbox_cancel_t::of(cancel).watch(call))?;
        write(Some(out), facetbox_value_t::boxed(result))
    })
}

/// Calls a function, or a method of an object, without waiting: `done` gets the result as that of
/// `facetbox_stub_call_async`. Otherwise as `facetbox_value_call`. Calls that are made so of one function or
/// object arrive in the order in which they were made.
///
/// Owns: `value`, `args`, a list, and `cancel` are borrowed; `done` owns what it gets.
/// Null: absent `method` calls a function; NULL `args` are none; with a NULL `cancel` it can't be
/// cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_call_async(
    value: Option<&facetbox_value_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let done = required(done, "done")?;
        let (stub, method) = (stub(value)?, method.read_optional("method")?);
        let call = stub.call_in_order(method, facetbox_value_t::args(args)?);
        let call = facetbox_cancel_t::of(cancel).watch(call);
        stub.spawn(Completion::new(done, user_data).after(call, facetbox_value_t::boxed));
        Ok(())
    })
}
