//! Coroutines, each of which runs one event at a time.
//!
//! The binding's own functions would each take the machine's lock anew, look up the coroutine's state, and count references
//! to all that passes; here a run is one visit of the machine. What a function throws is found on the stack of its coroutine,
//! which then is of no more use.

#![expect(unsafe_code, reason = "a coroutine's stack has no safe interface")]

use std::ffi::c_int;
use std::ptr::null_mut;

use mlua::{Function, IntoLuaMulti, Lua, Table, Thread, Value, ffi, lua_State};

use super::convert::Marshal;
use super::stack::{Kept, make_room};
use super::trace::stack_of;
use crate::value::Value as Arg;

/// A coroutine of a machine.
pub(super) struct Coroutine(Thread);

/// What calls of an instance's methods need of it.
pub(super) struct Target {
    instance: Kept,
    class: Kept,
}

/// How far a coroutine has run.
pub(super) enum Ran {
    /// It has ended with this result, and can run another function.
    Ended(Value),
    /// It has yielded the object at the marker's address.
    Waits,
    /// It has yielded something else.
    Yields,
    /// It has failed: what was thrown, and the stack of guest code there.
    Failed(Value, String),
}

impl Target {
    /// `object` is what the prelude has constructed.
    pub fn of(lua: &Lua, object: &Table) -> mlua::Result<Target> {
        let keep = |name| Kept::new(lua, object.raw_get::<Table>(name)?);
        Ok(Target { instance: keep("instance")?, class: keep("class")? })
    }
}

// SAFETY of all blocks: the machine is locked meanwhile, the coroutine is one of it that doesn't run, and no function used
// raises where there is room for what it pushes. What a block needs beyond that is said there.
impl Coroutine {
    /// One that can run functions, such as this one.
    pub fn new(lua: &Lua, function: &Function) -> mlua::Result<Coroutine> {
        let thread = lua.create_thread(function.clone())?;
        // SAFETY: the coroutine lives as its handle does, and hasn't run.
        lua.exec_raw_lua(|_| unsafe { ffi::lua_settop(thread.state(), 0) });
        Ok(Coroutine(thread))
    }

    /// The engine's handle of it.
    pub fn thread(&self) -> &Thread {
        &self.0
    }

    /// Runs it until it waits or ends. `input` is a function and its arguments if it `begins`, else what it has waited for.
    ///
    /// # Errors
    /// Those of the conversion of values; a lack of memory.
    pub fn run(
        &self,
        lua: &Lua,
        marker: usize,
        begins: bool,
        input: impl IntoLuaMulti,
    ) -> mlua::Result<Ran> {
        let own = self.0.state();
        lua.exec_raw_lua(|lua| {
            let main = lua.state();
            // SAFETY: as said above.
            let top = unsafe { ffi::lua_gettop(main) };
            let run = || {
                // SAFETY: this checks that there is room.
                let count = unsafe { input.push_into_stack_multi(lua) }?;
                make_room(own, count)?;
                // SAFETY: so many values were pushed, and there is room for them.
                unsafe { ffi::lua_xmove(main, own, count) };
                // SAFETY: it is called where a value is on top.
                let take = || unsafe { lua.pop::<Value>() };
                resume(own, main, count - c_int::from(begins), marker, take)
            };
            let ran = run();
            // SAFETY: what was pushed since and is left is nobody's.
            unsafe { ffi::lua_settop(main, top) };
            ran
        })
    }

    /// Calls the method that the class itself has under a name, and runs it until it waits or ends; `None` if it has none.
    /// No argument may be one that has to be [packed](super::convert::Passed).
    ///
    /// # Errors
    /// As [`Coroutine::run`].
    pub fn call(
        &self,
        engine: &Lua,
        marker: usize,
        (target, name): (&Target, Kept),
        (marshal, args): (&Marshal, &[Arg]),
    ) -> mlua::Result<Option<Ran>> {
        let own = self.0.state();
        engine.exec_raw_lua(|lua| {
            let main = lua.state();
            // SAFETY: as said above.
            let top = unsafe { ffi::lua_gettop(main) };
            let run = || {
                let count = c_int::try_from(args.len()).unwrap_or(c_int::MAX - 2);
                make_room(own, count + 2)?;
                if !push_method(own, target, name) {
                    return Ok(None);
                }
                for arg in args {
                    if !push_plain(own, arg) {
                        let made = marshal.value(engine, arg)?;
                        // SAFETY: the binding keeps room for a few values.
                        unsafe { lua.push_value(&made) }?;
                        // SAFETY: there is room for all arguments.
                        unsafe { ffi::lua_xmove(main, own, 1) };
                    }
                }
                // SAFETY: it is called where a value is on top.
                let take = || unsafe { lua.pop::<Value>() };
                resume(own, main, count + 1, marker, take).map(Some)
            };
            let ran = run();
            // SAFETY: what was pushed since and is left is nobody's.
            unsafe { ffi::lua_settop(main, top) };
            ran
        })
    }
}

/// Pushes a method and its instance; answers whether there is one. There has to be room for two values.
fn push_method(own: *mut lua_State, target: &Target, name: Kept) -> bool {
    // SAFETY: as said above.
    unsafe { target.class.push(own) };
    // SAFETY: as said above.
    unsafe { name.push(own) };
    // SAFETY: a class is a table, and the name is on top.
    if unsafe { ffi::lua_rawget(own, 1) } != ffi::LUA_TFUNCTION {
        // SAFETY: as said above.
        unsafe { ffi::lua_settop(own, 0) };
        return false;
    }
    // SAFETY: the class is there.
    unsafe { ffi::lua_remove(own, 1) };
    // SAFETY: as said above.
    unsafe { target.instance.push(own) };
    true
}

/// Pushes a value for which nothing has to be made; answers whether it is one.
fn push_plain(own: *mut lua_State, value: &Arg) -> bool {
    match value {
        // SAFETY: as said above.
        Arg::Undefined | Arg::Null => unsafe { ffi::lua_pushnil(own) },
        // SAFETY: as said above.
        Arg::Bool(value) => unsafe { ffi::lua_pushboolean(own, (*value).into()) },
        // SAFETY: as said above. Those that a double can't hold are packed.
        Arg::Int(number) => unsafe { ffi::lua_pushnumber(own, *number as f64) },
        // SAFETY: as said above.
        Arg::Float(number) => unsafe { ffi::lua_pushnumber(own, *number) },
        _ => return false,
    }
    true
}

/// Resumes a coroutine with so many arguments. `take` takes a value off the stack of `main`.
fn resume(
    own: *mut lua_State,
    main: *mut lua_State,
    args: c_int,
    marker: usize,
    take: impl Fn() -> mlua::Result<Value>,
) -> mlua::Result<Ran> {
    let take_last = || {
        // SAFETY: the coroutine has a value, and the binding keeps room for a few.
        unsafe { ffi::lua_xmove(own, main, 1) };
        take()
    };
    // SAFETY: so many arguments are on top, above the function if it begins.
    match unsafe { ffi::lua_resumex(own, main, args, null_mut()) } {
        ffi::LUA_OK => {
            // SAFETY: a slot that isn't there has a type of its own.
            let result = match unsafe { ffi::lua_type(own, 1) } {
                ffi::LUA_TNONE | ffi::LUA_TNIL => Value::Nil,
                _ => {
                    // SAFETY: there is a result.
                    unsafe { ffi::lua_settop(own, 1) };
                    take_last()?
                }
            };
            // SAFETY: it has ended.
            unsafe { ffi::lua_settop(own, 0) };
            Ok(Ran::Ended(result))
        }
        ffi::LUA_YIELD => {
            // SAFETY: a slot that holds no object has no address.
            let yielded = unsafe { ffi::lua_topointer(own, 1) };
            // SAFETY: what was yielded is in the way of what is answered.
            unsafe { ffi::lua_settop(own, 0) };
            Ok(if yielded.addr() == marker { Ran::Waits } else { Ran::Yields })
        }
        ffi::LUA_ERRMEM => Err(mlua::Error::MemoryError("not enough memory".into())),
        _ => {
            // SAFETY: as said above.
            let stack = unsafe { stack_of(own) };
            Ok(Ran::Failed(take_last()?, stack))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs functions of the given source in one coroutine of a new machine.
    fn setup(source: &str) -> (Lua, usize, Coroutine, Function) {
        let lua = Lua::new();
        let marker = lua.create_table().unwrap();
        let code = format!("local MARKER = ... local yield = coroutine.yield {source}");
        let function: Function = lua.load(code).set_name("=main").call(marker.clone()).unwrap();
        let coroutine = Coroutine::new(&lua, &function).unwrap();
        (lua, marker.to_pointer().addr(), coroutine, function)
    }

    #[test]
    fn it_waits_goes_on_and_can_be_used_again() {
        let source =
            "return function(a, b) local c, d = yield(MARKER, 1, 2) return a + b + c + d, 7 end";
        let (lua, marker, coroutine, function) = setup(source);
        for _ in 0..2 {
            let ran = coroutine.run(&lua, marker, true, (&function, 1, 2)).unwrap();
            assert!(matches!(ran, Ran::Waits));
            let ran = coroutine.run(&lua, marker, false, (30, 400)).unwrap();
            assert!(matches!(ran, Ran::Ended(Value::Integer(433))));
        }
    }

    #[test]
    fn results_that_are_missing_are_nil() {
        let (lua, marker, coroutine, function) = setup("return function(...) return ... end");
        for args in [vec![], vec![None], vec![None, Some(1)]] {
            let args = mlua::Variadic::from_iter(args);
            let ran = coroutine.run(&lua, marker, true, (&function, args)).unwrap();
            assert!(matches!(ran, Ran::Ended(Value::Nil)));
        }
        let many = mlua::Variadic::from_iter(0..5_000);
        let ran = coroutine.run(&lua, marker, true, (&function, many)).unwrap();
        assert!(matches!(ran, Ran::Ended(Value::Integer(0))));
    }

    #[test]
    fn what_yields_or_fails_of_its_own_accord_is_told_from_a_wait() {
        let (lua, marker, coroutine, function) = setup("return function(x) yield(x) error(x) end");
        let table = lua.create_table().unwrap();
        let ran = coroutine.run(&lua, marker, true, (&function, &table)).unwrap();
        assert!(matches!(ran, Ran::Yields));
        let Ok(Ran::Failed(Value::Table(thrown), stack)) = coroutine.run(&lua, marker, false, ())
        else {
            panic!("it fails");
        };
        assert_eq!((thrown, stack.as_str()), (table, "main:1"));
        let ran = coroutine.run(&lua, marker, true, (&function, 1)).unwrap();
        assert!(matches!(ran, Ran::Failed(Value::String(_), _)), "it has failed");
    }
}
