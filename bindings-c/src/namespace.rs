//! Namespaces.

use std::mem::MaybeUninit;

use facetbox::Namespace;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::object_id::facetbox_object_id_t;
use crate::slice::facetbox_str_t;
use crate::stub::facetbox_stub_t;

/// A name bound to a class; every id of it is one object in the whole runtime.
///
/// Threads: any; it never changes.
pub struct facetbox_namespace_t(Namespace);

impl facetbox_namespace_t {
    /// A handle of `namespace`.
    pub fn boxed(namespace: Namespace) -> Box<facetbox_namespace_t> {
        Box::new(facetbox_namespace_t(namespace))
    }

    /// The namespace.
    pub fn get(&self) -> &Namespace {
        &self.0
    }
}

/// The namespace's name.
///
/// Owns: borrowed from `namespace_`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_name(
    namespace_: Option<&facetbox_namespace_t>,
) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(namespace_.map(|namespace| namespace.0.name())))
}

/// A new random id.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_new_unique_id(
    namespace_: Option<&facetbox_namespace_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_object_id_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let id = required(namespace_, "namespace_")?.0.new_unique_id()?;
        write(out, facetbox_object_id_t::boxed(id))
    })
}

/// The id that belongs to a name: always the same one.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_id_from_name(
    namespace_: Option<&facetbox_namespace_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_object_id_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let id = required(namespace_, "namespace_")?.0.id_from_name(name.read("name")?);
        write(out, facetbox_object_id_t::boxed(id))
    })
}

/// Reads an id back from its text. INVALID_ARGUMENT for anything but 64 hex digits of an id of this
/// namespace.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_id_from_string(
    namespace_: Option<&facetbox_namespace_t>,
    text: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_object_id_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let id = required(namespace_, "namespace_")?.0.id_from_string(text.read("text")?)?;
        write(out, facetbox_object_id_t::boxed(id))
    })
}

/// A stub of the object with this id, which must be of this namespace. Neither creates nor contacts
/// the object.
///
/// Owns: the caller, `*out`; `id` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_get(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = required(namespace_, "namespace_")?.0.get(required(id, "id")?.object()?)?;
        write(out, facetbox_stub_t::boxed(stub))
    })
}

/// A stub of the object with this name.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_get_by_name(
    namespace_: Option<&facetbox_namespace_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = required(namespace_, "namespace_")?.0.get_by_name(name.read("name")?);
        write(out, facetbox_stub_t::boxed(stub))
    })
}

/// Frees a namespace's handle; the name stays bound.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_free(namespace_: Option<Box<facetbox_namespace_t>>) {
    guard(|| drop(namespace_));
}
