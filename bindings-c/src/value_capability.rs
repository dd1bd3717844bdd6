//! Values that are passed by reference: functions, objects, stubs, classes, namespaces, loaders.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::{HostFunction, HostObject, Value};

use crate::callback::{
    ForeignData, call_function, call_method, facetbox_drop_fn, facetbox_function_fn,
    facetbox_method_fn,
};
use crate::class::facetbox_class_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::loader::facetbox_loader_t;
use crate::namespace::facetbox_namespace_t;
use crate::slice::facetbox_str_t;
use crate::stub::facetbox_stub_t;
use crate::value::facetbox_value_t;
use crate::value_read::find;

/// Makes a function of the host, which whoever receives the value can call.
///
/// Owns: the caller, `*out`; takes `user_data`, which `drop` gets when no copy of the value is left.
/// Null: `function` must not be NULL.
/// Threads: any; `function` is called from any thread, and on several at a time.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_function(
    name: facetbox_str_t,
    function: facetbox_function_fn,
    user_data: *mut c_void,
    drop: facetbox_drop_fn,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    let data = ForeignData::new(user_data, drop);
    guard(|| {
        required(function, "function")?;
        let call = move |args| call_function(function, data.pointer(), args);
        write(out, facetbox_value_t::boxed(HostFunction::new(name.read("name")?, call)))
    })
}

/// Makes an object of the host, whose methods whoever receives the value can call by name.
///
/// Owns: the caller, `*out`; takes `user_data`, which `drop` gets when no copy of the value is left.
/// Null: `method` must not be NULL.
/// Threads: any; `method` is called from any thread, and on several at a time.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_object(
    name: facetbox_str_t,
    method: facetbox_method_fn,
    user_data: *mut c_void,
    drop: facetbox_drop_fn,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    let data = ForeignData::new(user_data, drop);
    guard(|| {
        required(method, "method")?;
        let call = move |name: &str, args| call_method(method, data.pointer(), name, args);
        write(out, facetbox_value_t::boxed(HostObject::new(name.read("name")?, call)))
    })
}

/// Makes a value of a stub, so that whoever receives it can call what it addresses.
///
/// Owns: the caller, `*out`; `stub` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_stub(
    stub: Option<&facetbox_stub_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(stub, "stub")?.get().clone())))
}

/// Makes a value of a class.
///
/// Owns: the caller, `*out`; `class_` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_class(
    class_: Option<&facetbox_class_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(class_, "class_")?.get().clone())))
}

/// Makes a value of a namespace.
///
/// Owns: the caller, `*out`; `namespace_` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_namespace(
    namespace_: Option<&facetbox_namespace_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(namespace_, "namespace_")?.get().clone())))
}

/// Makes a value of a Worker Loader, so that whoever receives it can load code.
///
/// Owns: the caller, `*out`; `loader` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_loader(
    loader: Option<&facetbox_loader_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(loader, "loader")?.get().clone())))
}

/// Writes a stub that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_stub(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Stub(stub) => Some(facetbox_stub_t::boxed(stub.clone())),
            _ => None,
        })
    })
}

/// Writes a class that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_class(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_class_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Class(class) => Some(facetbox_class_t::boxed(class.clone())),
            _ => None,
        })
    })
}

/// Writes a namespace that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_namespace(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_namespace_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Namespace(space) => Some(facetbox_namespace_t::boxed(space.clone())),
            _ => None,
        })
    })
}

/// Writes a Worker Loader that is a value, such as `LOADER` in env, into `*out`; answers whether it
/// is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_loader(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_loader_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Loader(loader) => Some(facetbox_loader_t::boxed(loader.clone())),
            _ => None,
        })
    })
}
