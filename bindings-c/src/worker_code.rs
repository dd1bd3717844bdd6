//! Guest code with all that it is given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;

use facetbox::{Module, Outbound, Result, Tail, WorkerCode};

use crate::callback::{ForeignData, call_fetch, facetbox_drop_fn, facetbox_fetch_fn};
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::{facetbox_bytes_t, facetbox_str_t};
use crate::stub::facetbox_stub_t;
use crate::value::facetbox_value_t;

/// Guest code with all that it is given: modules, env, outbound handler and limits. Without an env
/// it gets an empty one, without an outbound handler it has no network.
///
/// Threads: one at a time while it is changed.
pub struct facetbox_worker_code_t(WorkerCode);

impl facetbox_worker_code_t {
    /// The code.
    pub fn get(&self) -> &WorkerCode {
        &self.0
    }

    /// The code, taken out.
    pub fn into_inner(self) -> WorkerCode {
        self.0
    }
}

/// Makes code without modules. `main_module` names the module that exports classes; its type chooses
/// the engine.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_new(
    main_module: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_worker_code_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let main_module = main_module.read("main_module")?.to_owned();
        let code = WorkerCode { main_module, ..WorkerCode::default() };
        write(out, Box::new(facetbox_worker_code_t(code)))
    })
}

/// Makes code from a map with the keys of the JavaScript API: `mainModule`, `modules`, `env`,
/// `globalOutbound`, `limits`, `tails`.
///
/// Owns: the caller, `*out`; `value` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_from_value(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_worker_code_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let code = WorkerCode::from_value(required(value, "value")?.get().clone())?;
        write(out, Box::new(facetbox_worker_code_t(code)))
    })
}

/// Adds a module whose type its name says: `.luau`, `.lua`, `.js` or `.mjs`. Of two modules with one name the later
/// one counts.
///
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_add_module(
    code: Option<&mut facetbox_worker_code_t>,
    name: facetbox_str_t,
    source: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (name, source) = (name.read("name")?, source.read("source")?);
        add(code, name, Module::from_name(name, source.to_owned())?)
    })
}

/// Adds a module of Luau source, whatever its name.
///
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_add_luau(
    code: Option<&mut facetbox_worker_code_t>,
    name: facetbox_str_t,
    source: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| add(code, name.read("name")?, Module::Luau(source.read("source")?.to_owned())))
}

/// Adds a module of JavaScript source, an ES module, whatever its name.
///
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_add_js(
    code: Option<&mut facetbox_worker_code_t>,
    name: facetbox_str_t,
    source: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| add(code, name.read("name")?, Module::Js(source.read("source")?.to_owned())))
}

/// Adds a module of text, which `require` gives as a string.
///
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_add_text(
    code: Option<&mut facetbox_worker_code_t>,
    name: facetbox_str_t,
    text: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| add(code, name.read("name")?, Module::Text(text.read("text")?.to_owned())))
}

/// Adds a module of bytes, which `require` gives as a buffer.
///
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_add_data(
    code: Option<&mut facetbox_worker_code_t>,
    name: facetbox_str_t,
    data: facetbox_bytes_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| add(code, name.read("name")?, Module::Data(data.read("data")?.to_vec())))
}

/// Adds a module that is a value, of which `require` gives a copy.
///
/// Owns: `value` is borrowed.
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_add_json(
    code: Option<&mut facetbox_worker_code_t>,
    name: facetbox_str_t,
    value: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let value = required(value, "value")?.get().clone();
        add(code, name.read("name")?, Module::Json(value))
    })
}

fn add(code: Option<&mut facetbox_worker_code_t>, name: &str, module: Module) -> Result<()> {
    required(code, "code")?.0.modules.push((name.to_owned(), module));
    Ok(())
}

/// Sets what the code gets as `env`: a map of data, functions, objects, stubs, loaders.
///
/// Owns: `env` is borrowed.
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_set_env(
    code: Option<&mut facetbox_worker_code_t>,
    env: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let code = required(code, "code")?;
        code.0.env = facetbox_value_t::map(env, "env")?.unwrap_or_default();
        Ok(())
    })
}

/// Sets who gets the tail events of the code: a list of stubs, whose method `tail` is called with a list of
/// events, and functions of the host. INVALID_ARGUMENT for anything else.
///
/// Owns: `tails` is borrowed.
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_set_tails(
    code: Option<&mut facetbox_worker_code_t>,
    tails: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let tails = Tail::list_from_value(required(tails, "tails")?.get().clone())?;
        required(code, "code")?.0.tails = tails;
        Ok(())
    })
}

/// Sets limits, which count where they are lower than the runtime's: a map with the keys of
/// `facetbox_options_set_limits`.
///
/// Owns: `limits` is borrowed.
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_set_limits(
    code: Option<&mut facetbox_worker_code_t>,
    limits: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(code, "code")?.0.limits = crate::options::limits(limits)?;
        Ok(())
    })
}

/// Lets a function of the host answer the requests that the code makes with `fetch()`.
///
/// Owns: takes `user_data`, which `drop` gets when the code isn't used any more.
/// Null: `outbound` must not be NULL.
/// Threads: one at a time for each `code`; `outbound` is called from any thread, and on several at a
/// time.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_set_global_outbound(
    code: Option<&mut facetbox_worker_code_t>,
    outbound: facetbox_fetch_fn,
    user_data: *mut c_void,
    drop: facetbox_drop_fn,
) -> Option<Box<facetbox_error_t>> {
    let data = Arc::new(ForeignData::new(user_data, drop));
    guard(|| {
        required(outbound, "outbound")?;
        required(code, "code")?.0.global_outbound = Outbound::Handler(Arc::new(move |request| {
            let data = data.clone();
            Box::pin(async move { call_fetch(outbound, data.pointer(), request) })
        }));
        Ok(())
    })
}

/// Lets an object or entrypoint answer the requests that the code makes with `fetch()`.
///
/// Owns: `stub` is borrowed.
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_set_global_outbound_stub(
    code: Option<&mut facetbox_worker_code_t>,
    stub: Option<&facetbox_stub_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = required(stub, "stub")?.get().clone();
        required(code, "code")?.0.global_outbound = Outbound::Stub(stub);
        Ok(())
    })
}

/// Lets a value answer the requests that the code makes with `fetch()`: a stub, or a function that gets a request
/// and answers a response, such as one that a revoker has wrapped. With a null value nobody does.
///
/// Owns: `value` is borrowed.
/// Threads: one at a time for each `code`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_set_global_outbound_value(
    code: Option<&mut facetbox_worker_code_t>,
    value: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let value = required(value, "value")?.get().clone();
        required(code, "code")?.0.global_outbound = Outbound::from_value(value)?;
        Ok(())
    })
}

/// Another copy of the code; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_clone(
    code: Option<&facetbox_worker_code_t>,
) -> Option<Box<facetbox_worker_code_t>> {
    guard(|| code.map(|code| Box::new(facetbox_worker_code_t(code.0.clone()))))
}

/// Frees code; workers loaded from it keep what they need.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_worker_code_free(code: Option<Box<facetbox_worker_code_t>>) {
    guard(|| drop(code));
}
