//! One virtual machine with the guest API installed, not yet bound to an actor.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mlua::{Function, Lua, LuaOptions, StdLib, Table};
use parking_lot::Mutex;

use super::api::{self, MarshalCell};
use super::convert::Marshal;
use super::errors::error_from_mlua;
use super::guard::Guard;
use super::native::{register, table_of};
use super::pages::Owned;
use super::program::Program;
use super::web::{self, WebCode};
use crate::actor::{Actor, Event};
use crate::charge::Charge;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::StartGuard;
use crate::guest::ending::Ending;
use crate::guest::outside::Pending;
use crate::guest::rare::Rare;
use crate::guest::timers;
use crate::limits::Limits;
use crate::order::Order;
use crate::storage::Storage;
use crate::stub::Stub;

/// The files of the prelude, in the order in which they run. They are one chunk: what a chunk of its own takes while it runs
/// would stay with the machine.
const PRELUDE: [&str; 6] = [
    include_str!("prelude/base.luau"),
    include_str!("prelude/coroutines.luau"),
    include_str!("prelude/library.luau"),
    include_str!("prelude/stubs.luau"),
    include_str!("prelude/storage.luau"),
    include_str!("prelude/classes.luau"),
];

/// Its parts that many guests never use, by the name under which the others ask for them.
const LATE: [(&str, &str); 9] = [
    ("batches", include_str!("prelude/late/batches.luau")),
    ("console", include_str!("prelude/late/console.luau")),
    ("context", include_str!("prelude/late/context.luau")),
    ("cursors", include_str!("prelude/late/cursors.luau")),
    ("exports", include_str!("prelude/late/exports.luau")),
    ("facets", include_str!("prelude/late/facets.luau")),
    ("stubs", include_str!("prelude/late/stubs.luau")),
    ("timers", include_str!("prelude/late/timers.luau")),
    ("transactions", include_str!("prelude/late/transactions.luau")),
];

/// The part of the guest API that is written in Luau, compiled once for all machines of a runtime.
pub(crate) struct PreludeCode {
    web: WebCode,
    main: Vec<u8>,
    late: Arc<[(&'static str, Vec<u8>)]>,
}

impl PreludeCode {
    pub fn compile() -> PreludeCode {
        let late = LATE.map(|(name, source)| (name, web::compile_source(source)));
        PreludeCode {
            web: WebCode::compile(),
            main: web::compile_source(&PRELUDE.map(|file| format!("do {file} end\n")).concat()),
            late: late.into(),
        }
    }
}

/// What the engine's own heap may take beyond the limit before allocation itself fails: a collection
/// has to get the chance to run first.
const HEADROOM_BYTES: usize = 1 << 20;

/// Globals that the engine or its binding brings and guests don't get.
const REMOVED_GLOBALS: [&str; 8] = [
    "collectgarbage",
    "debug",
    "gcinfo",
    "getfenv",
    "loadstring",
    "newproxy",
    "require",
    "setfenv",
];

/// One event's run through the guest: its coroutine and what belongs to it.
pub(super) struct Task {
    pub event: Arc<Event>,
    /// Whether it keeps the turn throughout: a constructor.
    pub starting: bool,
    /// Facet starts that this event has begun and not ended.
    pub starts: Mutex<Vec<(Stub, StartGuard)>>,
}

impl Task {
    pub fn new(event: &Arc<Event>, starting: bool) -> Arc<Task> {
        event.set_lends(!starting);
        Arc::new(Task { event: event.clone(), starting, starts: Mutex::default() })
    }
}

/// What natives share with the driver.
pub(super) struct Shared {
    /// The task whose coroutine runs now.
    current: Mutex<Option<Arc<Task>>>,
    pending: Mutex<Option<Pending>>,
    /// Timers that guest code has set and the driver has to start.
    pub timers: Rare<TimerRequest>,
    /// Those that it has started.
    pub started: timers::Pending,
    /// For those, which end with the instance.
    pub ending: Ending,
    /// The order in which those that are due take the turn.
    pub due: Order,
    pub guard: Arc<Guard>,
    /// The limit that a native function has hit.
    pub limit: Mutex<Option<Error>>,
    /// The modules of the actor's code.
    pub program: OnceLock<Arc<Program>>,
}

/// A timer of the guest.
pub(super) struct TimerRequest {
    pub id: u64,
    pub delay: Duration,
    /// For what the host holds until it has run.
    pub charge: Charge,
}

impl Shared {
    /// The task that runs.
    pub fn task(&self) -> Result<Arc<Task>> {
        self.current.lock().clone().ok_or_else(|| {
            Error::new(ErrorCode::Panic, "a native function ran outside of an event")
        })
    }

    pub fn actor(&self) -> Result<Arc<Actor>> {
        Ok(self.task()?.event.actor.clone())
    }

    /// Runs `work` with the storage of the actor that runs.
    pub fn storage<T>(&self, work: impl FnOnce(&Storage) -> Result<T>) -> Result<T> {
        let task = self.task()?;
        work(task.event.actor.storage()?)
    }

    /// Runs `code` as the given task.
    pub fn enter<T>(&self, task: &Arc<Task>, code: impl FnOnce() -> T) -> T {
        struct Leave<'a>(&'a Shared);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.current.lock().take();
            }
        }
        *self.current.lock() = Some(task.clone());
        let _leave = Leave(self);
        self.guard.run(code)
    }

    /// Prepares a wait: the coroutine yields next, and the driver polls `pending`.
    ///
    /// # Errors
    /// An `Error` inside a `transactionSync()`, whose code can't wait.
    pub fn wait(&self, pending: Pending) -> Result<()> {
        if self.actor()?.storage().is_ok_and(Storage::in_sync_transaction) {
            return Err(Error::guest(
                "Error",
                "The callback of transactionSync() can't wait: call stubs, host functions and fetch() outside of it.",
            ));
        }
        *self.pending.lock() = Some(pending);
        Ok(())
    }

    pub fn take_pending(&self) -> Option<Pending> {
        self.pending.lock().take()
    }
}

/// Functions and marks of the prelude that the driver uses.
pub(super) struct Prelude {
    /// The address of what a coroutine yields that waits for something. The prelude keeps that.
    pub marker: usize,
    pub load_main: Function,
    pub list_exports: Function,
    pub construct: Function,
    pub call_method: Function,
    pub call_packed: Function,
    pub call_fetch: Function,
    pub call_alarm: Function,
    pub start_facet: Function,
    pub fire: Function,
}

/// A virtual machine.
pub(crate) struct Vm {
    pub(super) lua: Lua,
    pub(super) prelude: Prelude,
    pub(super) marshal: Arc<Marshal>,
    pub(super) shared: Arc<Shared>,
    /// Where its pages are; the last to go.
    pub(super) region: Owned,
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.shared.guard.uninstall();
    }
}

/// All natives of a machine.
fn natives(lua: &Lua, shared: &Arc<Shared>, marshal: &MarshalCell) -> mlua::Result<Table> {
    let (late, marshal) = (shared.clone(), marshal.clone());
    let native = table_of(lua, move |natives| {
        web::add_natives(natives)?;
        api::add_natives(natives, &late, &marshal)
    })?;
    api::set_early(lua, &native, &shared.guard)?;
    Ok(native)
}

/// Sets the native that runs a late part of the prelude and gives what that returns.
fn set_late(
    lua: &Lua,
    native: &Table,
    late: Arc<[(&'static str, Vec<u8>)]>,
    args: (Table, Table, Table),
) -> mlua::Result<()> {
    // What code of ours sees as its globals, out of a guest's reach.
    let environment = lua.globals();
    register(lua, native, "load_part", move |lua, name: String| {
        let part = late.iter().find(|(known, _)| *known == name);
        let (_, code) = part.ok_or_else(|| Error::new(ErrorCode::Panic, "no such part"))?;
        web::run::<Table>(lua, code, &environment, args.clone()).map_err(error_from_mlua)
    })
}

impl Vm {
    /// Makes a machine with the whole guest API, sandboxed.
    ///
    /// # Errors
    /// PANIC if the prelude fails, which a test would have shown.
    pub fn new(code: &PreludeCode) -> Result<Vm> {
        let (made, region) = Owned::make(|| Vm::make(code));
        let mut vm = made.map_err(|error| {
            let error = error_from_mlua(error);
            error.with_code(ErrorCode::Panic)
        })?;
        vm.region = region;
        Ok(vm)
    }

    fn make(code: &PreludeCode) -> mlua::Result<Vm> {
        let libraries = StdLib::COROUTINE
            | StdLib::TABLE
            | StdLib::OS
            | StdLib::STRING
            | StdLib::UTF8
            | StdLib::BIT
            | StdLib::MATH
            | StdLib::BUFFER
            | StdLib::VECTOR
            | StdLib::INTEGER;
        // The handle that made a machine collects its garbage before it closes it, which frees everything
        // anyway; a copy only closes it.
        let lua = Lua::new_with(libraries, LuaOptions::new())?.clone();
        // One collection at the end is enough.
        lua.gc_stop();
        let shared = Arc::new(Shared {
            current: Mutex::default(),
            pending: Mutex::default(),
            timers: Rare::default(),
            started: timers::Pending::default(),
            ending: Ending::default(),
            due: Order::default(),
            guard: Guard::install(&lua)?,
            limit: Mutex::default(),
            program: OnceLock::new(),
        });
        let marshal = MarshalCell::default();
        let native = natives(&lua, &shared, &marshal)?;
        let web = web::install(&lua, &native, &code.web)?;
        let made = lua.create_table()?;
        made.raw_set("globals", lua.create_table()?)?;
        for name in ["check", "throw"] {
            made.raw_set(name, web.tools().raw_get::<Function>(name)?)?;
        }
        let args = (native.clone(), web.globals.clone(), made.clone());
        set_late(&lua, &native, code.late.clone(), args.clone())?;
        web::run::<()>(&lua, &code.main, &lua.globals(), args)?;
        let globals = lua.globals();
        for name in REMOVED_GLOBALS {
            globals.raw_set(name, mlua::Value::Nil)?;
        }
        for table in [&web.globals, &made.raw_get("globals")?] {
            table.for_each(|name: String, value: mlua::Value| globals.raw_set(name, value))?;
        }
        lua.sandbox(true)?;
        let marshal = marshal.set(Marshal::new(&lua, web, &native, &made, shared.guard.clone())?);
        let marker: Table = made.raw_get("marker")?;
        let prelude = Prelude {
            marker: marker.to_pointer().addr(),
            load_main: made.raw_get("load_main")?,
            list_exports: made.raw_get("list_exports")?,
            construct: made.raw_get("construct")?,
            call_method: made.raw_get("call_method")?,
            call_packed: made.raw_get("call_packed")?,
            call_fetch: made.raw_get("call_fetch")?,
            call_alarm: made.raw_get("call_alarm")?,
            start_facet: made.raw_get("start_facet")?,
            fire: made.raw_get("fire")?,
        };
        lua.gc_restart();
        // What ran once to make all this is a seventh of the heap, and a guest that does little would never collect it.
        lua.gc_collect()?;
        Ok(Vm { lua, prelude, marshal, shared, region: Owned::default() })
    }

    /// Runs code of a task. The machine's lock is held.
    pub(super) fn enter<T>(&self, task: &Arc<Task>, code: impl FnOnce() -> T) -> T {
        self.region.home().run(|| self.shared.enter(task, code))
    }

    /// Gives the machine to an actor: its code and what it may use.
    pub(super) fn bind(
        &self,
        program: Arc<Program>,
        limits: &Limits,
        sql_interrupt: Arc<AtomicBool>,
    ) -> Result<()> {
        let _ = self.shared.program.set(program);
        let bytes = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX / 4);
        self.shared.guard.set_memory_limit(bytes);
        self.shared.guard.set_sql_interrupt(sql_interrupt);
        let hard = bytes + bytes / 8 + HEADROOM_BYTES;
        self.lua.set_memory_limit(hard).map(drop).map_err(error_from_mlua)
    }
}
