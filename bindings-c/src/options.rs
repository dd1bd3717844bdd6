//! How a runtime is opened.

use std::ffi::c_void;

use facetbox::{
    Alarms, Durability, Engine, Error, LimitsPatch, Options, Result, TailReceiver, Value,
};

use crate::callback::{ForeignData, call_tail, facetbox_drop_fn, facetbox_tail_fn};
use crate::clock::facetbox_manual_clock_t;
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::required;
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// How a runtime is opened.
///
/// Threads: one at a time.
pub struct facetbox_options_t(Options);

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

/// Who fires alarms that are due.
#[repr(C)]
pub enum facetbox_alarms_t {
    /// The runtime, at their time. The default.
    FACETBOX_ALARMS_AUTOMATIC = 0,
    /// The host, by `facetbox_runtime_run_due_alarms`.
    FACETBOX_ALARMS_MANUAL = 1,
}

impl facetbox_options_t {
    /// The options.
    pub fn get(&self) -> &Options {
        &self.0
    }
}

/// Limits of guests as a map with the keys of WorkerCode's `limits`; none for NULL.
pub fn limits(argument: Option<&facetbox_value_t>) -> Result<LimitsPatch> {
    LimitsPatch::from_value(argument.map_or(&Value::Null, facetbox_value_t::get))
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

/// Sets limits of guests in place of the defaults: a map with the keys `cpuMs`, `wallMs`, `blockMs`,
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

/// Sets a clock in place of the wall clock, for tests. Several runtimes may share one.
///
/// Owns: `clock` is borrowed.
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_clock(
    options: Option<&mut facetbox_options_t>,
    clock: Option<&facetbox_manual_clock_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.clock = Some(required(clock, "clock")?.get().clone());
        Ok(())
    })
}

/// Sets who fires alarms, one of `facetbox_alarms_t`.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_alarms(
    options: Option<&mut facetbox_options_t>,
    alarms: i32,
) -> Option<Box<facetbox_error_t>> {
    const AUTOMATIC: i32 = facetbox_alarms_t::FACETBOX_ALARMS_AUTOMATIC as i32;
    const MANUAL: i32 = facetbox_alarms_t::FACETBOX_ALARMS_MANUAL as i32;
    guard(|| {
        required(options, "options")?.0.alarms = match alarms {
            AUTOMATIC => Alarms::Automatic,
            MANUAL => Alarms::Manual,
            other => {
                let message = format!("Argument 'alarms' must be 0 or 1, got {other}.");
                return Err(Error::type_error(message));
            }
        };
        Ok(())
    })
}

/// Sets after how many milliseconds without an event an instance is dropped, to be started again by the
/// next event; by default 10,000.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_idle_ms(
    options: Option<&mut facetbox_options_t>,
    idle_ms: u64,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.idle_ms = Some(idle_ms);
        Ok(())
    })
}

/// Sets how many instances are kept warm; beyond that those used least recently are dropped earlier. By
/// default 1,000.
///
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_max_warm(
    options: Option<&mut facetbox_options_t>,
    max_warm: usize,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(options, "options")?.0.max_warm = Some(max_warm);
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

/// Sets which languages guests may be written in: a list of `"luau"` and `"javascript"`. By default both;
/// modules in others are refused with UNSUPPORTED.
///
/// Owns: `engines` is borrowed.
/// Threads: one at a time for each `options`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_engines(
    options: Option<&mut facetbox_options_t>,
    engines: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let engines = facetbox_value_t::texts(Some(required(engines, "engines")?), "engines")?;
        let engines = engines.into_iter().map(Engine::from_name).collect::<Result<_>>()?;
        required(options, "options")?.0.engines = Some(engines);
        Ok(())
    })
}

/// Sets who gets the tail events of everything that runs: one for each event of each object, facet and
/// entrypoint, after its end. They wait for the receiver, never the other way round; what is too much for
/// it is dropped, and the next one says how many in `dropped`. Closing the runtime delivers what is left.
///
/// Owns: takes `user_data`, which `drop` gets when the options and all runtimes opened with them are gone.
/// Null: `receive` must not be NULL.
/// Threads: one at a time for each `options`; `receive` is called on a thread of its own, with one event
/// at a time for each runtime.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_options_set_on_tail(
    options: Option<&mut facetbox_options_t>,
    receive: facetbox_tail_fn,
    user_data: *mut c_void,
    drop: facetbox_drop_fn,
) -> Option<Box<facetbox_error_t>> {
    let data = ForeignData::new(user_data, drop);
    guard(|| {
        required(receive, "receive")?;
        let receiver = TailReceiver::new(move |event| call_tail(receive, &data, &event));
        required(options, "options")?.0.on_tail = Some(receiver);
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
