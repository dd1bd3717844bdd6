//! Stubs: calling objects, facets and entrypoints.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;

use facetbox::{Result, Stub};

use crate::call::{Cancel, facetbox_call_t};
use crate::callback::{
    Completion, call_check, facetbox_call_done_fn, facetbox_check_fn, facetbox_fetch_done_fn,
};
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::object_id::facetbox_object_id_t;
use crate::objects::usage_value;
use crate::request::facetbox_request_t;
use crate::response::facetbox_response_t;
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// The address of an object, a facet or an entrypoint.
///
/// A stub binds to the running actor at its first use. When that actor breaks, the stub keeps
/// failing with its error; a new stub reaches a new actor.
///
/// Threads: any.
pub struct facetbox_stub_t(Stub);

impl facetbox_stub_t {
    /// A handle of `stub`.
    pub fn boxed(stub: Stub) -> Box<facetbox_stub_t> {
        Box::new(facetbox_stub_t(stub))
    }

    /// The stub.
    pub fn get(&self) -> &Stub {
        &self.0
    }
}

/// Calls a method and blocks until it answers.
///
/// Runs on this thread while it has 1 MiB of stack left, else on one of the runtime's. Fails with
/// what the method throws, or with what stands in its way.
///
/// Owns: the caller, `*out`; `args`, a list, is borrowed.
/// Null: NULL `args` are none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_call(
    stub: Option<&facetbox_stub_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, out) = (required(stub, "stub")?, required(out, "out")?);
        let (method, args) = (method.read("method")?, facetbox_value_t::args(args)?);
        out.write(facetbox_value_t::boxed(stub.0.call_blocking(method, args)?));
        Ok(())
    })
}

/// Sends a request and blocks until it is answered. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `request` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_fetch(
    stub: Option<&facetbox_stub_t>,
    request: Option<&facetbox_request_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, out) = (required(stub, "stub")?, required(out, "out")?);
        let request = required(request, "request")?.get().clone();
        out.write(facetbox_response_t::boxed(stub.0.fetch_blocking(request)?));
        Ok(())
    })
}

/// Calls a method and blocks until it answers or `check` ends it.
///
/// `check` is asked every 50 ms while the call waits. What it answers is this function's error, and
/// the event that the call began is cancelled. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `args`, a list, and `user_data` are borrowed during the call.
/// Null: NULL `args` are none; `check` must not be NULL.
/// Threads: any; `check` runs on this thread, during the call.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_call_checked(
    stub: Option<&facetbox_stub_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    check: facetbox_check_fn,
    user_data: *mut c_void,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, out) = (required(stub, "stub")?, required(out, "out")?);
        required(check, "check")?;
        let call = stub.0.call(method.read("method")?, facetbox_value_t::args(args)?);
        let result = stub.0.block_on(call, || call_check(check, user_data))?;
        out.write(facetbox_value_t::boxed(result));
        Ok(())
    })
}

/// Sends a request and blocks until it is answered or `check` ends it. Otherwise as
/// `facetbox_stub_call_checked`.
///
/// Owns: the caller, `*out`; `request` and `user_data` are borrowed during the call.
/// Null: `check` must not be NULL.
/// Threads: any; `check` runs on this thread, during the call.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_fetch_checked(
    stub: Option<&facetbox_stub_t>,
    request: Option<&facetbox_request_t>,
    check: facetbox_check_fn,
    user_data: *mut c_void,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, out) = (required(stub, "stub")?, required(out, "out")?);
        required(check, "check")?;
        let fetch = stub.0.fetch(required(request, "request")?.get().clone());
        let response = stub.0.block_on(fetch, || call_check(check, user_data))?;
        out.write(facetbox_response_t::boxed(response));
        Ok(())
    })
}

/// Calls a method without waiting: `done` gets the result later, exactly once, from a thread of the
/// runtime or from the one that closes it. If this function returns an error, `done` isn't called.
///
/// Owns: `args`, a list, is borrowed; the caller owns `*call`; `done` owns what it gets.
/// Null: NULL `args` are none; `call` may be NULL for a call that is never cancelled; `done` must not
/// be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_call_async(
    stub: Option<&facetbox_stub_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
    call: Option<&mut MaybeUninit<Box<facetbox_call_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, done) = (required(stub, "stub")?, required(done, "done")?);
        let result = stub.0.call(method.read("method")?, facetbox_value_t::args(args)?);
        let result = async { result.await.map(facetbox_value_t::boxed) };
        spawn(&stub.0, result, Completion::new(done, user_data), call);
        Ok(())
    })
}

/// Sends a request without waiting. Otherwise as `facetbox_stub_call_async`.
///
/// Owns: `request` is borrowed; the caller owns `*call`; `done` owns what it gets.
/// Null: `call` may be NULL for a call that is never cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_fetch_async(
    stub: Option<&facetbox_stub_t>,
    request: Option<&facetbox_request_t>,
    done: facetbox_fetch_done_fn,
    user_data: *mut c_void,
    call: Option<&mut MaybeUninit<Box<facetbox_call_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, done) = (required(stub, "stub")?, required(done, "done")?);
        let response = stub.0.fetch(required(request, "request")?.get().clone());
        let response = async { response.await.map(facetbox_response_t::boxed) };
        spawn(&stub.0, response, Completion::new(done, user_data), call);
        Ok(())
    })
}

/// Lets the runtime's threads run a call to its end, and hands out what cancels it.
fn spawn<T: Send + 'static>(
    stub: &Stub,
    result: impl Future<Output = Result<Box<T>>> + Send + 'static,
    completion: Completion<T>,
    call: Option<&mut MaybeUninit<Box<facetbox_call_t>>>,
) {
    let cancel = Arc::new(Cancel::default());
    call.map(|call| call.write(facetbox_call_t::boxed(cancel.clone())));
    stub.spawn(async move { completion.finish(cancel.watch(result).await) });
}

/// Writes the object's id into `*out`; NULL for facets and entrypoints.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_id(
    stub: Option<&facetbox_stub_t>,
    out: Option<&mut MaybeUninit<Option<Box<facetbox_object_id_t>>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let id = required(stub, "stub")?.0.id().cloned();
        write(out, id.map(facetbox_object_id_t::boxed))
    })
}

/// The name that the object's id was made from; absent without one.
///
/// Owns: borrowed from `stub`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_name(stub: Option<&facetbox_stub_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(stub.and_then(|stub| stub.0.name())))
}

/// Writes into `*out` whether the object has data, or the facet exists. Neither is started. UNSUPPORTED
/// for an entrypoint.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_exists(
    stub: Option<&facetbox_stub_t>,
    out: Option<&mut MaybeUninit<bool>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, required(stub, "stub")?.0.exists()?))
}

/// Writes into `*out` what the object or facet takes with everything below it; see
/// `facetbox_namespace_usage` and `facetbox_facets_usage`. UNSUPPORTED for an entrypoint.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_usage(
    stub: Option<&facetbox_stub_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, usage_value(required(stub, "stub")?.0.usage()?)))
}

/// Copies the object or facet with everything below it to `path`, a new directory; see
/// `facetbox_namespace_export` and `facetbox_facets_export`. UNSUPPORTED for an entrypoint.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_export(
    stub: Option<&facetbox_stub_t>,
    path: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(stub, "stub")?.0.export_blocking(path.read("path")?))
}

/// Another handle of the same stub, bound to the same actor.
///
/// Owns: the caller.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_clone(
    stub: Option<&facetbox_stub_t>,
) -> Option<Box<facetbox_stub_t>> {
    guard(|| stub.map(|stub| facetbox_stub_t::boxed(stub.0.clone())))
}

/// Frees a stub.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_free(stub: Option<Box<facetbox_stub_t>>) {
    guard(|| drop(stub));
}
