//! Classes: what objects and facets are instances of.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;

use facetbox::{
    AlarmInfo, Class, Ctx, DurableObject, Error, Request, Response, Result, Value, ValueMap,
};

use crate::callback::{
    ForeignData, call_alarm, call_construct, call_fetch, call_has_alarm, call_method,
    facetbox_alarm_fn, facetbox_construct_fn, facetbox_drop_fn, facetbox_fetch_fn,
    facetbox_has_alarm_fn, facetbox_method_fn,
};
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;

/// A class of objects or facets: of the host, or from guest code. The same class serves as a
/// namespace's class and as a facet's class.
///
/// Threads: any; it never changes.
pub struct facetbox_class_t(Class);

/// A class of the host, as functions. Set members that you don't need to zero.
///
/// Threads: all of them are called from any thread: that of a caller of the object, or one of the
/// runtime. `construct` may run for several instances at a time; calls to one instance never
/// overlap, except that a call which the instance itself makes may come back into it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct facetbox_host_class_t {
    /// `sizeof(facetbox_host_class_t)`: how a later library, whose struct has more members at the end,
    /// tells what an older program has set.
    pub size: usize,
    /// Makes an instance, stored in `*instance`. Must not be NULL. `user_data` is what
    /// `facetbox_class_new_host` got.
    pub construct: facetbox_construct_fn,
    /// Answers a request; gets the instance as `user_data`. NULL refuses every request.
    pub fetch: facetbox_fetch_fn,
    /// Answers the call of a method; gets the instance as `user_data`. For unknown names return
    /// `facetbox_error_no_such_method`. NULL refuses every call.
    pub call: facetbox_method_fn,
    /// Runs when the alarm that was set with `facetbox_storage_set_alarm` is due; gets the instance as
    /// `user_data`. NULL refuses to set any.
    pub alarm: facetbox_alarm_fn,
    /// Frees an instance. NULL where there is nothing to free.
    pub drop_instance: facetbox_drop_fn,
    /// Whether the instance has a handler of alarms, without which setting one fails with UNSUPPORTED; for
    /// classes whose `alarm` serves instances of several kinds. NULL: it has one unless `alarm` is NULL.
    pub has_alarm: facetbox_has_alarm_fn,
}

impl facetbox_class_t {
    /// A handle of `class`.
    pub fn boxed(class: Class) -> Box<facetbox_class_t> {
        Box::new(facetbox_class_t(class))
    }

    /// The class.
    pub fn get(&self) -> &Class {
        &self.0
    }
}

struct HostClass {
    functions: facetbox_host_class_t,
    data: ForeignData,
}

impl HostClass {
    fn construct(self: &Arc<HostClass>, ctx: Ctx, env: ValueMap) -> Result<HostInstance> {
        let construct = self.functions.construct;
        let data = call_construct(construct, self.data.pointer(), ctx, env)?;
        let data = ForeignData::new(data, self.functions.drop_instance);
        Ok(HostInstance { data, class: self.clone() })
    }
}

/// An instance; its own data goes before its class's, as the order of the fields says.
struct HostInstance {
    data: ForeignData,
    class: Arc<HostClass>,
}

impl DurableObject for HostInstance {
    fn fetch(&self, request: Request) -> Result<Response> {
        call_fetch(self.class.functions.fetch, self.data.pointer(), request)
    }

    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        call_method(self.class.functions.call, self.data.pointer(), method, args)
    }

    fn alarm(&self, info: AlarmInfo) -> Result<()> {
        call_alarm(self.class.functions.alarm, self.data.pointer(), info)
    }

    fn has_alarm(&self) -> bool {
        let facetbox_host_class_t { alarm, has_alarm, .. } = self.class.functions;
        alarm.is_some() && call_has_alarm(has_alarm, self.data.pointer()).unwrap_or(true)
    }
}

/// Refuses a struct that isn't the one of this version.
fn check_size(size: usize) -> Result<()> {
    let expected = size_of::<facetbox_host_class_t>();
    match size == expected {
        true => Ok(()),
        false => Err(Error::type_error(format!(
            "Argument 'functions->size' must be {expected}, sizeof(facetbox_host_class_t), got {size}."
        ))),
    }
}

/// Makes a class of the host.
///
/// Owns: the caller, `*out`; `functions` is copied; takes `user_data`, which `drop` gets when the
/// class and all its instances are gone.
/// Null: `functions` and its `construct` must not be NULL.
/// Fails with INVALID_ARGUMENT for another size than that of this version.
/// Threads: any; see `facetbox_host_class_t`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_class_new_host(
    name: facetbox_str_t,
    functions: Option<&facetbox_host_class_t>,
    user_data: *mut c_void,
    drop: facetbox_drop_fn,
    out: Option<&mut MaybeUninit<Box<facetbox_class_t>>>,
) -> Option<Box<facetbox_error_t>> {
    let data = ForeignData::new(user_data, drop);
    guard(|| {
        let functions = *required(functions, "functions")?;
        check_size(functions.size)?;
        required(functions.construct, "functions->construct")?;
        let class = Arc::new(HostClass { functions, data });
        let construct = move |ctx, env| class.construct(ctx, env);
        write(out, facetbox_class_t::boxed(Class::host(name.read("name")?, construct)))
    })
}

/// The name of a class.
///
/// Owns: borrowed from `class_`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_class_name(class_: Option<&facetbox_class_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(class_.map(|class| class.0.name())))
}

/// Frees a class. Namespaces and facets that use it keep what they need.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_class_free(class_: Option<Box<facetbox_class_t>>) {
    guard(|| drop(class_));
}
