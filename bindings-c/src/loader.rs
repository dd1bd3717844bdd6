//! The Worker Loader and the code that it loads.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::Loader;

use crate::callback::{call_code, facetbox_code_fn};
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;
use crate::worker::facetbox_worker_t;
use crate::worker_code::facetbox_worker_code_t;

/// Loads guest code; the only way from text to a class.
///
/// Threads: any.
pub struct facetbox_loader_t(Loader);

impl From<Loader> for facetbox_loader_t {
    fn from(loader: Loader) -> facetbox_loader_t {
        facetbox_loader_t(loader)
    }
}

impl facetbox_loader_t {
    /// A handle of `loader`.
    pub fn boxed(loader: Loader) -> Box<facetbox_loader_t> {
        Box::new(loader.into())
    }

    /// The loader.
    pub fn get(&self) -> &Loader {
        &self.0
    }
}

/// Loads code that isn't cached.
///
/// Fails with INVALID_ARGUMENT, LOAD_ERROR or UNSUPPORTED for code that can't be loaded whatever its
/// modules say. Errors in modules show at the first use of a class or entrypoint.
///
/// Owns: the caller, `*out`; `code` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_loader_load(
    loader: Option<&facetbox_loader_t>,
    code: Option<&facetbox_worker_code_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_worker_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let worker = required(loader, "loader")?.0.load(required(code, "code")?.get().clone())?;
        write(out, facetbox_worker_t::boxed(worker))
    })
}

/// The worker cached as `id`, loaded from what `code` stores if there is none.
///
/// A failure of `code` isn't cached: it shows at the first use of the worker, and the next get tries
/// again.
///
/// Owns: the caller, `*out`; `user_data` is borrowed during the call.
/// Null: `code` must not be NULL.
/// Threads: any; `code` runs on this thread, during the call, at most once.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_loader_get(
    loader: Option<&facetbox_loader_t>,
    id: facetbox_str_t,
    code: facetbox_code_fn,
    user_data: *mut c_void,
    out: Option<&mut MaybeUninit<Box<facetbox_worker_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(code, "code")?;
        let loader = &required(loader, "loader")?.0;
        let worker = loader.get(id.read("id")?, || call_code(code, user_data));
        write(out, facetbox_worker_t::boxed(worker))
    })
}

/// Frees a loader. Never free one that was borrowed from a context.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_loader_free(loader: Option<Box<facetbox_loader_t>>) {
    guard(|| drop(loader));
}
