//! Loaded code: classes and entrypoints out of it.

use std::mem::MaybeUninit;

use facetbox::{ExportOptions, Result, Value, WorkerStub};

use crate::class::facetbox_class_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;
use crate::stub::facetbox_stub_t;
use crate::value::facetbox_value_t;

/// Loaded code.
///
/// Threads: any.
pub struct facetbox_worker_t(WorkerStub);

impl facetbox_worker_t {
    /// A handle of `worker`.
    pub fn boxed(worker: WorkerStub) -> Box<facetbox_worker_t> {
        Box::new(facetbox_worker_t(worker))
    }
}

fn options(
    props: Option<&facetbox_value_t>,
    limits: Option<&facetbox_value_t>,
) -> Result<ExportOptions> {
    let props = props.map_or(Value::Null, |props| props.get().clone());
    Ok(ExportOptions { props, limits: crate::options::limits(limits)? })
}

/// The exported class `name`. That it exists is checked when it is used.
///
/// Instances see `props` as `ctx.props`; `limits` count where they are lower than those of the code.
///
/// Owns: the caller, `*out`; `props` and `limits` are borrowed.
/// Null: NULL `props` and `limits` are none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_get_durable_object_class(
    worker: Option<&facetbox_worker_t>,
    name: facetbox_str_t,
    props: Option<&facetbox_value_t>,
    limits: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_class_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let worker = &required(worker, "worker")?.0;
        let class = worker.get_durable_object_class(name.read("name")?, options(props, limits)?);
        write(out, facetbox_class_t::boxed(class))
    })
}

/// A stub of the exported entrypoint `name`, which is stateless.
///
/// Owns: the caller, `*out`; `props` and `limits` are borrowed.
/// Null: an absent `name` is the default export; NULL `props` and `limits` are none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_get_entrypoint(
    worker: Option<&facetbox_worker_t>,
    name: facetbox_str_t,
    props: Option<&facetbox_value_t>,
    limits: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let worker = &required(worker, "worker")?.0;
        let name = name.read_optional("name")?.unwrap_or("default");
        let stub = worker.get_entrypoint(name, options(props, limits)?)?;
        write(out, facetbox_stub_t::boxed(stub))
    })
}

/// Frees a worker; classes and stubs from it keep what they need.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_free(worker: Option<Box<facetbox_worker_t>>) {
    guard(|| drop(worker));
}
