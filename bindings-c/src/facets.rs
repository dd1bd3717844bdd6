//! Facets: the named children of an object or facet.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::{ActorId, Error, ErrorCode, FacetOptions, Facets, Value};

use crate::callback::{ForeignData, call_start, facetbox_drop_fn, facetbox_start_fn};
use crate::class::facetbox_class_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::object_id::facetbox_object_id_t;
use crate::objects::usage_value;
use crate::slice::facetbox_str_t;
use crate::stub::facetbox_stub_t;
use crate::value::facetbox_value_t;

/// The facets of one object or facet.
///
/// Owns: borrowed from the context, never freed.
/// Threads: any, while the instance runs.
pub struct facetbox_facets_t(Facets);

/// What a facet is: its class, and what it sees as its id.
///
/// Threads: one at a time.
pub struct facetbox_facet_options_t(FacetOptions);

impl From<Facets> for facetbox_facets_t {
    fn from(facets: Facets) -> facetbox_facets_t {
        facetbox_facets_t(facets)
    }
}

impl facetbox_facet_options_t {
    /// The options, taken out.
    pub fn into_inner(self) -> FacetOptions {
        self.0
    }
}

/// Makes options for a facet that is an instance of this class and has its parent's id.
///
/// Owns: the caller, `*out`, until a start callback gives it away; `class_` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facet_options_new(
    class_: Option<&facetbox_class_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_facet_options_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let class = required(class_, "class_")?.get().clone();
        write(out, Box::new(facetbox_facet_options_t(FacetOptions::new(class))))
    })
}

/// Sets what the facet sees as its id: the id of an object.
///
/// Owns: `id` is borrowed.
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facet_options_set_id(
    options: Option<&mut facetbox_facet_options_t>,
    id: Option<&facetbox_object_id_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.id = Some(required(id, "id")?.get().clone());
        Ok(())
    })
}

/// Sets what the facet sees as its id: any text.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facet_options_set_id_text(
    options: Option<&mut facetbox_facet_options_t>,
    id: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.id = Some(ActorId::Text(id.read("id")?.into()));
        Ok(())
    })
}

/// Frees facet options that no start callback has given away.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facet_options_free(options: Option<Box<facetbox_facet_options_t>>) {
    guard(|| drop(options));
}

/// A stub of the facet `name`. Nothing starts before its first use; `start` runs then, at most once,
/// unless the facet runs already.
///
/// Fails with INVALID_ARGUMENT for a name that is empty or longer than 256 bytes, LIMIT_DEPTH when
/// facets would be nested too deep.
///
/// Owns: the caller, `*out`; takes `user_data`, which `drop` gets when `start` isn't needed any more.
/// Null: `start` must not be NULL.
/// Threads: any; `start` runs on the thread of the stub's first use.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_get(
    facets: Option<&facetbox_facets_t>,
    name: facetbox_str_t,
    start: facetbox_start_fn,
    user_data: *mut c_void,
    drop: facetbox_drop_fn,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> Option<Box<facetbox_error_t>> {
    let data = ForeignData::new(user_data, drop);
    guard(|| {
        required(start, "start")?;
        let facets = &required(facets, "facets")?.0;
        let stub = facets.get(name.read("name")?, move || call_start(start, &data))?;
        write(out, facetbox_stub_t::boxed(stub))
    })
}

/// Stops the facet and its descendants; their stubs fail with ABORTED and `reason` as the message.
/// Data is kept. Does nothing if the facet isn't running.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_abort(
    facets: Option<&facetbox_facets_t>,
    name: facetbox_str_t,
    reason: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let reason = Error::new(ErrorCode::Aborted, reason.read("reason")?);
        required(facets, "facets")?.0.abort(name.read("name")?, reason)
    })
}

/// Stops the facet and deletes its data and that of its descendants, together with what the parent
/// writes in the same transaction. Does nothing if there is none.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_delete(
    facets: Option<&facetbox_facets_t>,
    name: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(facets, "facets")?.0.delete(name.read("name")?))
}

/// Replaces facet `dst` and its descendants by a copy of `src` and its descendants. A missing `src`
/// leaves `dst` empty; `src` goes on running, `dst` is stopped first.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_clone(
    facets: Option<&facetbox_facets_t>,
    src: facetbox_str_t,
    dst: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(facets, "facets")?.0.clone(src.read("src")?, dst.read("dst")?))
}

/// Writes the names of the facets that exist, running or not, into `*out` as a list, in order.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_list(
    facets: Option<&facetbox_facets_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let names = required(facets, "facets")?.0.list()?;
        let names: Vec<Value> = names.into_iter().map(Value::String).collect();
        write(out, facetbox_value_t::boxed(names))
    })
}

/// Writes into `*out` whether the facet exists, running or not.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_exists(
    facets: Option<&facetbox_facets_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<bool>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, required(facets, "facets")?.0.exists(name.read("name")?)?))
}

/// Writes into `*out` what the facet takes with all its own facets; see `facetbox_namespace_usage`.
/// NOT_FOUND if there is no such facet.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_usage(
    facets: Option<&facetbox_facets_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, usage_value(required(facets, "facets")?.0.usage(name.read("name")?)?)))
}

/// Copies the facet with its own facets, as they were last committed, to `path`, a new directory like
/// that of `facetbox_namespace_export`, which can be imported as an object. NOT_FOUND if there is no
/// such facet or it has no data.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_facets_export(
    facets: Option<&facetbox_facets_t>,
    name: facetbox_str_t,
    path: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(facets, "facets")?.0.export(name.read("name")?, path.read("path")?))
}
