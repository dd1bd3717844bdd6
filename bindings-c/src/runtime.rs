//! The runtime and its options.

use std::mem::MaybeUninit;

use facetbox::{Durability, Error, LimitsPatch, NamespaceOptions, Options, Runtime, Value};

use crate::class::facetbox_class_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::loader::facetbox_loader_t;
use crate::namespace::facetbox_namespace_t;
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// How a runtime is opened.
///
/// Threads: one at a time.
pub struct facetbox_options_t(Options);

/// An open data directory.
///
/// Threads: any.
pub struct facetbox_runtime_t(Runtime);

/// When an acknowledged write is safe.
#[repr(C)]
pub enum facetbox_durability_t {
    /// On disk before the answer leaves: survives a power cut. The default.
    FACETBOX_DURABILITY_FULL = 0,
    /// Survives a crash of the process; a power cut may lose the last moments, never corrupts.
    FACETBOX_DURABILITY_RELAXED = 1,
    /// No guarantee, for tests.
    FACETBOX_DURABILITY_NONE = 2,
}

/// Limits of guests as a map with the keys of WorkerCode's `limits`; none for NULL.
pub fn limits(argument: Option<&facetbox_value_t>) -> facetbox::Result<LimitsPatch> {
    LimitsPatch::from_value(argument.map_or(&Value::Null, facetbox_value_t::get))
}

/// The version of the library, such as `0.1.0`; `FACETBOX_VERSION` is that of the header.
///
/// Owns: nobody; it lives for ever.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_version() -> facetbox_str_t {
    guard(|| facetbox_str_t::lend(env!("CARGO_PKG_VERSION")))
}

/// Makes options with their defaults: nothing is kept on disk, full durability, default limits, one
/// thread per core.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_new() -> Option<Box<facetbox_options_t>> {
    guard(|| Some(Box::new(facetbox_options_t(Options::default()))))
}

/// Sets the data directory, which is made if it is missing. `":memory:"` keeps nothing.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_path(
    options: Option<&mut facetbox_options_t>,
    path: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.path = Some(path.read("path")?.into());
        Ok(())
    })
}

/// Sets the durability, one of `facetbox_durability_t`.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_durability(
    options: Option<&mut facetbox_options_t>,
    durability: i32,
) -> Option<Box<facetbox_error_t>> {
    const FULL: i32 = facetbox_durability_t::FACETBOX_DURABILITY_FULL as i32;
    const RELAXED: i32 = facetbox_durability_t::FACETBOX_DURABILITY_RELAXED as i32;
    const NONE: i32 = facetbox_durability_t::FACETBOX_DURABILITY_NONE as i32;
    guard(|| {
        required(options, "options")?.0.durability = match durability {
            FULL => Durability::Full,
            RELAXED => Durability::Relaxed,
            NONE => Durability::None,
            other => {
                let message = format!("Argument 'durability' must be 0, 1 or 2, got {other}.");
                return Err(Error::type_error(message));
            }
        };
        Ok(())
    })
}

/// Sets limits of guests in place of the defaults: a map with the keys `cpuMs`, `wallMs`,
/// `memoryBytes`, `storageBytes`, `subRequests`, `messageBytes`, `logBytes`, `facetDepth`, `facets`.
///
/// Owns: `limits` is borrowed.
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_limits(
    options: Option<&mut facetbox_options_t>,
    limits: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.limits = self::limits(limits)?;
        Ok(())
    })
}

/// Sets how many threads the runtime has for asynchronous calls; 0 means one per core.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_threads(
    options: Option<&mut facetbox_options_t>,
    threads: usize,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.threads = Some(threads).filter(|threads| *threads > 0);
        Ok(())
    })
}

/// Frees options.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_free(options: Option<Box<facetbox_options_t>>) {
    guard(|| drop(options));
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
        let options = options.map(|options| options.0.clone()).unwrap_or_default();
        out.write(Box::new(facetbox_runtime_t(Runtime::open_with(options)?)));
        Ok(())
    })
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
