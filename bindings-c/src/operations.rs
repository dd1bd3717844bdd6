//! Operations that may take long, in forms that can be cancelled or answer through a callback.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::{Deployment, QueryRows, Result};

use crate::callback::{Completion, facetbox_call_done_fn, facetbox_deploy_done_fn};
use crate::cancel::facetbox_cancel_t;
use crate::deployment::facetbox_deployment_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::namespace::facetbox_namespace_t;
use crate::object_id::facetbox_object_id_t;
use crate::objects::{parts, rows_value};
use crate::runtime::facetbox_runtime_t;
use crate::slice::facetbox_str_t;
use crate::stub::facetbox_stub_t;
use crate::value::{count, facetbox_value_t};
use crate::worker_code::facetbox_worker_code_t;

fn deploy(
    runtime: &facetbox_runtime_t,
    name: facetbox_str_t,
    code: Option<&facetbox_worker_code_t>,
    env: Option<&facetbox_value_t>,
) -> Result<impl Future<Output = Result<Deployment>> + Send + use<>> {
    let code = required(code, "code")?.get().clone();
    Ok(runtime.get().deploy_async(name.read("name")?, code, facetbox_value_t::map(env, "env")?))
}

fn query(
    namespace: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    facets: Option<&facetbox_value_t>,
    sql: facetbox_str_t,
    bindings: Option<&facetbox_value_t>,
) -> Result<impl Future<Output = Result<QueryRows>> + Send + use<>> {
    let (namespace, id) = parts(namespace, id)?;
    let facets = facetbox_value_t::texts(facets, "facets")?;
    let bindings = facetbox_value_t::items(bindings, "bindings")?.to_vec();
    Ok(namespace.query(id, &facets, sql.read("sql")?, bindings))
}

fn export(
    namespace: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    path: facetbox_str_t,
) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
    let (namespace, id) = parts(namespace, id)?;
    Ok(namespace.export(id, path.read("path")?))
}

/// As `facetbox_runtime_deploy`, until it is cancelled: then nothing has changed.
///
/// Owns: the caller, `*out`; `code`, `env` and `cancel` are borrowed.
/// Null: NULL `env` adds nothing; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_deploy_cancellable(
    runtime: Option<&facetbox_runtime_t>,
    name: facetbox_str_t,
    code: Option<&facetbox_worker_code_t>,
    env: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_deployment_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (runtime, out) = (required(runtime, "runtime")?, required(out, "out")?);
        let deployed = facetbox_cancel_t::of(cancel).watch(deploy(runtime, name, code, env)?);
        out.write(facetbox_deployment_t::boxed(runtime.get().wait_for(deployed)?));
        Ok(())
    })
}

/// As `facetbox_runtime_deploy_cancellable`, without waiting: `done` gets the deployment as that of
/// `facetbox_stub_call_async` gets its result.
///
/// Owns: `code`, `env` and `cancel` are borrowed; `done` owns what it gets.
/// Null: NULL `env` adds nothing; with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_deploy_async(
    runtime: Option<&facetbox_runtime_t>,
    name: facetbox_str_t,
    code: Option<&facetbox_worker_code_t>,
    env: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_deploy_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (runtime, done) = (required(runtime, "runtime")?, required(done, "done")?);
        let deployed = facetbox_cancel_t::of(cancel).watch(deploy(runtime, name, code, env)?);
        let completion =
            Completion::new(done, user_data).after(deployed, facetbox_deployment_t::boxed);
        runtime.get().spawn(completion);
        Ok(())
    })
}

/// As `facetbox_runtime_run_due_alarms`, until it is cancelled: the handler that runs ends as a call that is
/// cancelled does, and the alarms that are left stay due.
///
/// Owns: `cancel` is borrowed.
/// Null: `count` may be NULL; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_run_due_alarms_cancellable(
    runtime: Option<&facetbox_runtime_t>,
    cancel: Option<&facetbox_cancel_t>,
    count: Option<&mut MaybeUninit<u64>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let runtime = required(runtime, "runtime")?;
        let alarms = runtime.get().run_due_alarms_async();
        let ran = runtime.get().wait_for(facetbox_cancel_t::of(cancel).watch(alarms))?;
        count.map(|count| count.write(ran));
        Ok(())
    })
}

/// As `facetbox_runtime_run_due_alarms_cancellable`, without waiting: `done` gets the count, a whole number,
/// as that of `facetbox_stub_call_async` gets its result.
///
/// Owns: `cancel` is borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_run_due_alarms_async(
    runtime: Option<&facetbox_runtime_t>,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (runtime, done) = (required(runtime, "runtime")?, required(done, "done")?);
        let alarms = runtime.get().run_due_alarms_async();
        let ran = facetbox_cancel_t::of(cancel).watch(alarms);
        let completion =
            Completion::new(done, user_data).after(ran, |ran| facetbox_value_t::boxed(count(ran)));
        runtime.get().spawn(completion);
        Ok(())
    })
}

/// As `facetbox_namespace_export`, until it is cancelled: then nothing is left at `path`.
///
/// Owns: `cancel` is borrowed.
/// Null: with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_export_cancellable(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    path: facetbox_str_t,
    cancel: Option<&facetbox_cancel_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let exported = facetbox_cancel_t::of(cancel).watch(export(namespace_, id, path)?);
        required(namespace_, "namespace_")?.get().wait_for(exported)
    })
}

/// As `facetbox_namespace_export_cancellable`, without waiting: `done` gets null when the copy is on disk, as
/// that of `facetbox_stub_call_async` gets its result.
///
/// Owns: `cancel` is borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_export_async(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    path: facetbox_str_t,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let done = required(done, "done")?;
        let exported = facetbox_cancel_t::of(cancel).watch(export(namespace_, id, path)?);
        let completion = Completion::new(done, user_data).after(exported, facetbox_value_t::boxed);
        required(namespace_, "namespace_")?.get().spawn(completion);
        Ok(())
    })
}

/// As `facetbox_stub_export`, until it is cancelled: then nothing is left at `path`.
///
/// Owns: `cancel` is borrowed.
/// Null: with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_export_cancellable(
    stub: Option<&facetbox_stub_t>,
    path: facetbox_str_t,
    cancel: Option<&facetbox_cancel_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = required(stub, "stub")?.get();
        stub.wait_for(facetbox_cancel_t::of(cancel).watch(stub.export(path.read("path")?)))
    })
}

/// As `facetbox_stub_export_cancellable`, without waiting: `done` gets null when the copy is on disk, as that
/// of `facetbox_stub_call_async` gets its result.
///
/// Owns: `cancel` is borrowed; `done` owns what it gets.
/// Null: with a NULL `cancel` it can't be cancelled; `done` must not be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_stub_export_async(
    stub: Option<&facetbox_stub_t>,
    path: facetbox_str_t,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (stub, done) = (required(stub, "stub")?.get(), required(done, "done")?);
        let exported = facetbox_cancel_t::of(cancel).watch(stub.export(path.read("path")?));
        let completion = Completion::new(done, user_data).after(exported, facetbox_value_t::boxed);
        stub.spawn(completion);
        Ok(())
    })
}

/// As `facetbox_namespace_query`, until it is cancelled. A statement that computes goes on until its limit.
///
/// Owns: the caller, `*out`; `facets`, a list of texts, `bindings`, a list, and `cancel` are borrowed.
/// Null: NULL `facets` and `bindings` are none; with a NULL `cancel` it can't be cancelled.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_query_cancellable(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    facets: Option<&facetbox_value_t>,
    sql: facetbox_str_t,
    bindings: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let rows = query(namespace_, id, facets, sql, bindings)?;
        let rows = facetbox_cancel_t::of(cancel).watch(rows);
        let out = required(out, "out")?;
        write(Some(out), rows_value(required(namespace_, "namespace_")?.get().wait_for(rows)?))
    })
}

/// As `facetbox_namespace_query_cancellable`, without waiting: `done` gets the rows as that of
/// `facetbox_stub_call_async` gets its result.
///
/// Owns: `facets`, a list of texts, `bindings`, a list, and `cancel` are borrowed; `done` owns what it gets.
/// Null: NULL `facets` and `bindings` are none; with a NULL `cancel` it can't be cancelled; `done` must not
/// be NULL.
/// Threads: any. `done` must not block for long, because it holds a thread of the runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_query_async(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    facets: Option<&facetbox_value_t>,
    sql: facetbox_str_t,
    bindings: Option<&facetbox_value_t>,
    cancel: Option<&facetbox_cancel_t>,
    done: facetbox_call_done_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let done = required(done, "done")?;
        let rows = query(namespace_, id, facets, sql, bindings)?;
        let rows = facetbox_cancel_t::of(cancel).watch(rows);
        let completion = Completion::new(done, user_data).after(rows, rows_value);
        required(namespace_, "namespace_")?.get().spawn(completion);
        Ok(())
    })
}
