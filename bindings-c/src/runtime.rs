//! The runtime.

use std::mem::MaybeUninit;

use facetbox::{NamespaceOptions, Problem, Report, Runtime, ValueMap};

use crate::class::facetbox_class_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::loader::facetbox_loader_t;
use crate::namespace::facetbox_namespace_t;
use crate::options::{facetbox_options_t, limits};
use crate::slice::facetbox_str_t;
use crate::value::{count, facetbox_value_t, list};

/// An open data directory.
///
/// Threads: any.
pub struct facetbox_runtime_t(Runtime);

impl facetbox_runtime_t {
    /// The runtime.
    pub fn get(&self) -> &Runtime {
        &self.0
    }
}

/// The version of the library, such as `0.1.0`; `FACETBOX_VERSION` is that of the header.
///
/// Owns: nobody; it lives for ever.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_version() -> facetbox_str_t {
    guard(|| facetbox_str_t::lend(env!("CARGO_PKG_VERSION")))
}

/// Opens a runtime.
///
/// Fails with IN_USE if another runtime has the directory open (the message names its process),
/// STORAGE if it can't be made or written, CORRUPT if it isn't ours or from a newer version.
///
/// Owns: the caller, `*out`; `options` are borrowed.
/// Null: NULL `options` are the defaults.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_open(
    options: Option<&facetbox_options_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_runtime_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let out = required(out, "out")?;
        let options = options.map(|options| options.get().clone()).unwrap_or_default();
        out.write(Box::new(facetbox_runtime_t(Runtime::open_with(options)?)));
        Ok(())
    })
}

/// The version of the library's ABI. It has to be `FACETBOX_ABI_VERSION`, that of the header; where the name
/// of the shared library has it, as on Linux, the linker sees to that.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_abi_version() -> u32 {
    guard(|| env!("FACETBOX_ABI").parse::<u32>().unwrap_or(0))
}

/// Binds a name to a class. The name decides where the objects' data is: bound again, in another
/// process or version of the program, it finds the same objects.
///
/// `env` is a map that host classes get; by default one with a Worker Loader as `LOADER`. Guest
/// classes get the env of their code instead. `limits` are as in `facetbox_options_set_limits`.
///
/// Fails with INVALID_ARGUMENT for a name that is empty or bound already, CLOSED, FORKED.
///
/// Owns: the caller, `*out`; everything else is borrowed.
/// Null: NULL `env` and `limits` are the defaults.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_namespace(
    runtime: Option<&facetbox_runtime_t>,
    name: facetbox_str_t,
    class_: Option<&facetbox_class_t>,
    env: Option<&facetbox_value_t>,
    limits: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_namespace_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let runtime = &required(runtime, "runtime")?.0;
        let class = required(class_, "class_")?.get().clone();
        let out = required(out, "out")?;
        let options = NamespaceOptions {
            env: facetbox_value_t::map(env, "env")?,
            limits: self::limits(limits)?,
        };
        let namespace = runtime.namespace_with(name.read("name")?, class, options)?;
        out.write(facetbox_namespace_t::boxed(namespace));
        Ok(())
    })
}

/// The namespace that is bound to `name`; NOT_FOUND if none is.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_get_namespace(
    runtime: Option<&facetbox_runtime_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_namespace_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let namespace = required(runtime, "runtime")?.0.get_namespace(name.read("name")?)?;
        write(out, facetbox_namespace_t::boxed(namespace))
    })
}

/// A Worker Loader with a cache of its own.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_loader(
    runtime: Option<&facetbox_runtime_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_loader_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let loader = required(runtime, "runtime")?.0.loader();
        write(out, facetbox_loader_t::boxed(loader))
    })
}

/// Fires the alarms that are due, one after the other, and writes into `*count` how many handlers ran.
/// For runtimes whose alarms are manual, and for tests with a manual clock. Each object's and facet's fires
/// once: one that its handler sets to a time that is past fires in the next call. Blocks until the handlers
/// have ended, which run on this thread as those of a blocking call do.
///
/// Fails with CLOSED, FORKED, STORAGE. What handlers throw is no error here: it makes the alarm be
/// tried again.
///
/// Null: `count` may be NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_run_due_alarms(
    runtime: Option<&facetbox_runtime_t>,
    count: Option<&mut MaybeUninit<u64>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let ran = required(runtime, "runtime")?.0.run_due_alarms()?;
        count.map(|count| count.write(ran));
        Ok(())
    })
}

/// Checks every object on disk, running or not, and writes a map into `*out`: `objects`, `databases` and
/// `leftovers` (directories that a crash left and the next start removes) are counts, `problems` is a
/// list of maps with `path` and `message`, empty if everything is well. Changes nothing; objects keep
/// running. Blocks for as long as it takes to read everything.
///
/// Fails with STORAGE if directories can't be listed, CLOSED, FORKED.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_verify(
    runtime: Option<&facetbox_runtime_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, report_value(required(runtime, "runtime")?.0.verify()?)))
}

fn report_value(report: Report) -> Box<facetbox_value_t> {
    let Report { objects, databases, leftovers, problems } = report;
    let problem = |Problem { path, message }| {
        let path = path.to_string_lossy().into_owned();
        ValueMap::from_iter([("path", path), ("message", message)])
    };
    facetbox_value_t::boxed(ValueMap::from_iter([
        ("objects", count(objects)),
        ("databases", count(databases)),
        ("leftovers", count(leftovers)),
        ("problems", list(problems.into_iter().map(problem))),
    ]))
}

/// Ends every object, closes every database and stops the threads. Calls that are going on end with
/// CLOSED, as does everything called afterwards through any handle. Closing again does nothing.
///
/// Blocks until the threads have ended, unless it is called from one of them.
///
/// Owns: nothing; the handle still has to be freed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_close(
    runtime: Option<&facetbox_runtime_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(runtime, "runtime")?.0.close();
        Ok(())
    })
}

/// Frees a runtime, which closes it. Other handles may be freed before or after.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_free(runtime: Option<Box<facetbox_runtime_t>>) {
    guard(|| drop(runtime));
}
