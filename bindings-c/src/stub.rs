//! Stubs: calling objects, facets and entrypoints.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::Stub;

use crate::callback::{Completion, facetbox_call_done_fn, facetbox_fetch_done_fn};
use crate::cancel::facetbox_cancel_t;
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

/// Calls a method and blocks until it answers or is cancelled. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `args`, a list, and `cancel` are borrowed.
/// Null: NULL `args` are none; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_call_cancellable(
    stub: Option<&facetbox_stub_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, out) = (&required(stub, "stub")?.0, required(out, "out")?);
        let call = stub.call(method.read("method")?, facetbox_value_t::args(args)?);
        let result = stub.wait_for(facetbox_cancel_t::of(cancel).watch(call))?;
        out.write(facetbox_value_t::boxed(result));
        Ok(())
    })
}

/// Sends a request and blocks until it is answered or cancelled. Otherwise as `facetbox_stub_call`.
///
/// Owns: the caller, `*out`; `request` and `cancel` are borrowed.
/// Null: with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_fetch_cancellable(
    stub: Option<&facetbox_stub_t>,
    request: Option<&facetbox_request_t>,
    cancel: Option<&facetbox_cancel_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, out) = (&required(stub, "stub")?.0, required(out, "out")?);
        let fetch = stub.fetch(required(request, "request")?.get().clone());
        let response = stub.wait_for(facetbox_cancel_t::of(cancel).watch(fetch))?;
        out.write(facetbox_response_t::boxed(response));
        Ok(())
    })
}

/// Calls a method without waiting: `done` gets the result later, exactly once, from a thread of the
/// runtime or from the one that closes it. If this function returns an error, `done` isn't called.
/// Calls that are made so of one stub, or of stubs of one facet, arrive in their order.
///
/// Owns: `args`, a list, and `cancel` are borrowed; `done` owns what it gets.
/// Null: NULL `args` are none; with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_call_async(
    stub: Option<&facetbox_stub_t>,
    method: facetbox_str_t,
    args: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, done) = (&required(stub, "stub")?.0, required(done, "done")?);
        let call = stub.call_in_order(method.read("method")?, facetbox_value_t::args(args)?);
        let call = facetbox_cancel_t::of(cancel).watch(call);
        stub.spawn(Completion::new(done, user_data).after(call, facetbox_value_t::boxed));
        Ok(())
    })
}

/// Sends a request without waiting. Otherwise as `facetbox_stub_call_async`.
///
/// Owns: `request` and `cancel` are borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_fetch_async(
    stub: Option<&facetbox_stub_t>,
    request: Option<&facetbox_request_t>,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_fetch_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, done) = (&required(stub, "stub")?.0, required(done, "done")?);
        let fetch = stub.fetch_in_order(required(request, "request")?.get().clone());
        let fetch = facetbox_cancel_t::of(cancel).watch(fetch);
        stub.spawn(Completion::new(done, user_data).after(fetch, facetbox_response_t::boxed));
        Ok(())
    })
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
