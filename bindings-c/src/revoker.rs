//! Taking back what guests were given.

use std::mem::MaybeUninit;

use facetbox::Revoker;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::value::facetbox_value_t;

/// Takes functions, objects and stubs back, at once and from whoever has got them meanwhile.
///
/// Threads: any.
pub struct facetbox_revoker_t(Revoker);

/// Makes a revoker of nothing yet.
///
/// Owns: the caller. Freeing the handle revokes nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_revoker_new() -> Option<Box<facetbox_revoker_t>> {
    guard(|| Some(Box::new(facetbox_revoker_t(Revoker::new()))))
}

/// Makes a copy of a function, object or stub that works as `value` does until `facetbox_revoker_revoke`; of a
/// list or map, such as an env, a copy in which each of them does. Fails with INVALID_ARGUMENT for classes, namespaces,
/// loaders and stubs of facets, which can't be taken back: abort the facet that has them.
///
/// Owns: the caller, `*out`; `value` is borrowed, and stays as it was.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_revoker_wrap(
    revoker: Option<&facetbox_revoker_t>,
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let value = required(value, "value")?.get().clone();
        write(out, facetbox_value_t::boxed(required(revoker, "revoker")?.0.wrap(value)?))
    })
}

/// Takes back all that was wrapped, and what will be: calls fail with ABORTED, those that are on their way
/// included. A function of the host that runs for one goes on to its end, but its answer is lost. What calls have
/// answered before isn't taken back.
///
/// Threads: any. Doesn't block.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_revoker_revoke(
    revoker: Option<&facetbox_revoker_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(revoker, "revoker")?.0.revoke();
        Ok(())
    })
}

/// Whether that has been done.
///
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_revoker_is_revoked(revoker: Option<&facetbox_revoker_t>) -> bool {
    guard(|| revoker.is_some_and(|revoker| revoker.0.is_revoked()))
}

/// Frees the handle. What was wrapped goes on to work.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_revoker_free(revoker: Option<Box<facetbox_revoker_t>>) {
    guard(|| drop(revoker));
}
