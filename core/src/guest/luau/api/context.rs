//! Natives of ctx, timers, console, errors.

use std::sync::{Arc, Weak};

use mlua::{AnyUserData, Lua, LuaString, Table, Thread, UserData, Value as LuaValue};

use super::Natives;
use crate::actor::Event;
use crate::charge::Charge;
use crate::ctx::aborted;
use crate::error::{ErrorCode, Result, TEXT_BYTES};
use crate::guest::luau::errors::{error_from_lua, error_from_mlua, error_to_lua};
use crate::guest::luau::guard::Guard;
use crate::guest::luau::native;
use crate::guest::luau::trace::guest_stack;
use crate::guest::luau::vm::TimerRequest;
use crate::guest::outside::{TIMER_BYTES, delay, fail, no_such_export, other_classes};
use crate::host::{no_alarm_handler, no_fetch_handler, no_such_method};
use crate::tail::LogLevel;

/// Sets what runs where a guest may have used up its memory or its stack, so that nothing has to be made then.
pub(crate) fn set_early(lua: &Lua, native: &Table, guard: &Arc<Guard>) -> mlua::Result<()> {
    // For a handler of the prelude, which was called by the function that threw.
    let noting = guard.clone();
    native::register(lua, native, "note", move |lua, text: LuaString| {
        noting.note(lua, 2, &text);
        Ok(())
    })?;
    let noting = guard.clone();
    native::register(lua, native, "note_failure", move |_, args: (Thread, LuaString)| {
        noting.note_failure(&args.0, &args.1);
        Ok(())
    })
}

pub(super) fn register(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("to_error", |_, lua, thrown: LuaValue| {
        let error = error_from_lua(thrown).with_stack(guest_stack(lua));
        error_to_lua(lua, error).map_err(error_from_mlua)
    })?;
    natives.add("no_such_method", |_, _, name: String| Err::<(), _>(no_such_method(&name)))?;
    natives.add("no_fetch_handler", |_, _, ()| Err::<(), _>(no_fetch_handler()))?;
    natives.add("no_alarm_handler", |_, _, ()| Err::<(), _>(no_alarm_handler()))?;
    natives.add("now_ms", |host, _, ()| Ok(host.shared.actor()?.runtime.alarms.clock.now_ms()))?;
    natives.add(
        "no_such_export",
        |_, _, (name, kind, classes, main): (String, String, String, String)| {
            let why = match (main.as_str(), kind.as_str()) {
                ("table", "class") => Some(other_classes(&classes)),
                ("table", _) => None,
                (main, _) => Some(format!(
                    "The main module returns {main} instead of a table of its exports."
                )),
            };
            Err::<(), _>(no_such_export(&name, &kind, why.as_deref()))
        },
    )?;
    register_turn(natives)?;
    register_timers(natives)?;
    natives.add("log", |host, _, (level, text): (String, LuaString)| {
        let bytes = text.as_bytes();
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES)]);
        host.shared.task()?.event.log(LogLevel::of_function(&level), &text);
        Ok(())
    })
}

fn register_turn(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("abort", |host, _, reason: LuaValue| {
        let error = match super::present(reason) {
            None => aborted(None),
            Some(reason) => error_from_lua(reason).with_code(ErrorCode::Aborted),
        };
        Err::<(), _>(fail(&host.shared.actor()?, &*host.shared.guard, error))
    })?;
    natives.add("block_begin", |host, lua, ()| {
        let event = &host.shared.task()?.event;
        event.enter_section()?;
        lua.create_userdata(LuaSection(Arc::downgrade(event))).map_err(error_from_mlua)
    })?;
    natives.add("block_end", |host, _, (section, ok, thrown): (AnyUserData, bool, LuaValue)| {
        leave(&section)?;
        if ok {
            return Ok(());
        }
        // A failed section resets the object: what it was to set up is not there.
        Err(fail(&host.shared.actor()?, &*host.shared.guard, error_from_lua(thrown)))
    })?;
    natives.add("leave", |_, _, section: AnyUserData| leave(&section))
}

/// The event that has begun a section: a coroutine may end it in another.
struct LuaSection(Weak<Event>);
impl UserData for LuaSection {}

fn leave(section: &AnyUserData) -> Result<()> {
    let section = section.borrow::<LuaSection>().map_err(error_from_mlua)?;
    if let Some(event) = section.0.upgrade() {
        event.leave_section();
    }
    Ok(())
}

fn register_timers(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("set_timer", |host, _, (id, millis): (u64, f64)| {
        let charge = Charge::new(host.shared.guard.clone(), TIMER_BYTES);
        host.shared.timers.push(TimerRequest { id, delay: delay(millis), charge });
        Ok(())
    })?;
    natives.add("clear_timer", |host, _, id: u64| {
        host.shared.timers.with(|timers| timers.retain(|timer| timer.id != id));
        host.shared.started.clear(id);
        Ok(())
    })
}
