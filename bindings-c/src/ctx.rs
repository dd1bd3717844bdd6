//! What a host class sees of its own object or facet.

use facetbox::Ctx;

use crate::error::facetbox_error_t;
use crate::facets::facetbox_facets_t;
use crate::guard::guard;
use crate::handle::{lend, required};
use crate::loader::facetbox_loader_t;
use crate::object_id::facetbox_object_id_t;
use crate::slice::facetbox_str_t;
use crate::storage::facetbox_storage_t;
use crate::value::facetbox_value_t;

/// The context of one object or facet: its id, storage and facets. Once the object or facet is
/// broken, every operation fails with its error.
///
/// Threads: any, while the instance runs.
pub struct facetbox_ctx_t {
    ctx: Ctx,
    id: facetbox_object_id_t,
    storage: facetbox_storage_t,
    facets: facetbox_facets_t,
    loader: facetbox_loader_t,
}

impl facetbox_ctx_t {
    /// A handle of `ctx`.
    pub fn boxed(ctx: Ctx) -> Box<facetbox_ctx_t> {
        Box::new(facetbox_ctx_t {
            id: ctx.id().clone().into(),
            storage: ctx.storage().clone().into(),
            facets: ctx.facets().into(),
            loader: ctx.loader().into(),
            ctx,
        })
    }
}

/// The object's id; for a facet its parent's, or what its supervisor chose.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_id(ctx: Option<&facetbox_ctx_t>) -> Option<&facetbox_object_id_t> {
    guard(|| ctx.map(|ctx| &ctx.id))
}

/// The path `namespace/object/facet/...`, for messages and logs.
///
/// Owns: borrowed from `ctx`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_path(ctx: Option<&facetbox_ctx_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(ctx.map(|ctx| ctx.ctx.path())))
}

/// The props that the class was bound with; null without.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_props(ctx: Option<&facetbox_ctx_t>) -> Option<&facetbox_value_t> {
    guard(|| ctx.map(|ctx| lend(ctx.ctx.props())))
}

/// The storage.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_storage(
    ctx: Option<&facetbox_ctx_t>,
) -> Option<&facetbox_storage_t> {
    guard(|| ctx.map(|ctx| &ctx.storage))
}

/// The facets.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_facets(ctx: Option<&facetbox_ctx_t>) -> Option<&facetbox_facets_t> {
    guard(|| ctx.map(|ctx| &ctx.facets))
}

/// A Worker Loader with a cache of its own.
///
/// Owns: borrowed from `ctx`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_loader(ctx: Option<&facetbox_ctx_t>) -> Option<&facetbox_loader_t> {
    guard(|| ctx.map(|ctx| &ctx.loader))
}

/// Aborts the object or facet: discards what is uncommitted and breaks it and its facets. Return the
/// error from the handler; every caller gets it.
///
/// Owns: the caller, or the library once it is returned from a callback.
/// Null: an absent `reason` stands for a general one; never returns NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_abort(
    ctx: Option<&facetbox_ctx_t>,
    reason: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let ctx = &required(ctx, "ctx")?.ctx;
        Err(ctx.abort(reason.read_optional("reason")?))
    })
}

/// Deletes everything that the object or facet and its facets store; running facets are aborted.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_delete_all(
    ctx: Option<&facetbox_ctx_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(ctx, "ctx")?.ctx.delete_all())
}

/// Frees a context.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_ctx_free(ctx: Option<Box<facetbox_ctx_t>>) {
    guard(|| drop(ctx));
}
