//! Coroutines, each of which runs one event at a time.
//!
//! The binding's own functions would each take the machine's lock anew, look up the coroutine's state, and count references
//! to all that passes; here a run is one visit of the machine.

#![expect(unsafe_code, reason = "a coroutine's stack has no safe interface")]

use std::ptr::null_mut;

use mlua::{Function, IntoLuaMulti, Lua, Thread, Value, ffi};

/// A coroutine of a machine. The functions that it runs answer whether they have ended well, and with what.
pub(super) struct Coroutine(Thread);

/// How far a coroutine has run.
pub(super) enum Ran {
    /// It has ended, well or not, and can run another function.
    Ended(bool, Value),
    /// It has yielded the object at the marker's address.
    Waits,
    /// It has yielded something else.
    Yields,
    /// It is of no more use.
    Failed(Value),
}

impl Coroutine {
    /// One that is going to run `function` and others like it.
    pub fn new(lua: &Lua, function: &Function) -> mlua::Result<Coroutine> {
        let thread = lua.create_thread(function.clone())?;
        // SAFETY: the coroutine lives as its handle does, and hasn't run.
        unsafe { ffi::lua_settop(thread.state(), 0) };
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
        // SAFETY of all blocks: the machine is locked meanwhile, the coroutine is one of it that doesn't run, and no function
        // used raises. What a block needs beyond that is said there.
        lua.exec_raw_lua(|lua| {
            let main = lua.state();
            // SAFETY: as said above.
            let top = unsafe { ffi::lua_gettop(main) };
            let take_result = || {
                // SAFETY: the coroutine has a result, and the binding keeps room for a few values.
                unsafe { ffi::lua_xmove(own, main, 1) };
                // SAFETY: it is on top.
                unsafe { lua.pop::<Value>() }
            };
            let run = || {
                // SAFETY: this checks that there is room.
                let count = unsafe { input.push_into_stack_multi(lua) }?;
                // SAFETY: as said above.
                if unsafe { ffi::lua_checkstack(own, count) } == 0 {
                    return Err(mlua::Error::StackError);
                }
                // SAFETY: so many values were pushed, and there is room for them.
                unsafe { ffi::lua_xmove(main, own, count) };
                let args = count - i32::from(begins);
                // SAFETY: so many arguments are on top, above the function if it begins.
                match unsafe { ffi::lua_resumex(own, main, args, null_mut()) } {
                    ffi::LUA_OK => {
                        // SAFETY: there is room for two results.
                        unsafe { ffi::lua_settop(own, 2) };
                        // SAFETY: as said above.
                        let well = unsafe { ffi::lua_toboolean(own, 1) } != 0;
                        let result = take_result()?;
                        // SAFETY: it has ended.
                        unsafe { ffi::lua_settop(own, 0) };
                        Ok(Ran::Ended(well, result))
                    }
                    ffi::LUA_YIELD => {
                        // SAFETY: a slot that holds no object has no address.
                        let yielded = unsafe { ffi::lua_topointer(own, 1) };
                        // SAFETY: what was yielded is in the way of what is answered.
                        unsafe { ffi::lua_settop(own, 0) };
                        Ok(if yielded.addr() == marker { Ran::Waits } else { Ran::Yields })
                    }
                    ffi::LUA_ERRMEM => Err(mlua::Error::MemoryError("not enough memory".into())),
                    _ => take_result().map(Ran::Failed),
                }
            };
            let ran = run();
            // SAFETY: what was pushed since and is left is nobody's.
            unsafe { ffi::lua_settop(main, top) };
            ran
        })
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
        let function: Function = lua.load(code).call(marker.clone()).unwrap();
        let coroutine = Coroutine::new(&lua, &function).unwrap();
        (lua, marker.to_pointer().addr(), coroutine, function)
    }

    #[test]
    fn it_waits_goes_on_and_can_be_used_again() {
        let source = "return function(a, b) local c, d = yield(MARKER, 1, 2) return true, a + b + c + d, 7 end";
        let (lua, marker, coroutine, function) = setup(source);
        for _ in 0..2 {
            let ran = coroutine.run(&lua, marker, true, (&function, 1, 2)).unwrap();
            assert!(matches!(ran, Ran::Waits));
            let ran = coroutine.run(&lua, marker, false, (30, 400)).unwrap();
            assert!(matches!(ran, Ran::Ended(true, Value::Integer(433))));
        }
    }

    #[test]
    fn results_that_are_missing_are_nil() {
        let (lua, marker, coroutine, function) = setup("return function(...) return ... end");
        for (args, well) in [(vec![], false), (vec![true], true)] {
            let args = mlua::Variadic::from_iter(args);
            let ran = coroutine.run(&lua, marker, true, (&function, args)).unwrap();
            assert!(matches!(ran, Ran::Ended(it, Value::Nil) if it == well));
        }
        let many = mlua::Variadic::from_iter(0..5_000);
        let ran = coroutine.run(&lua, marker, true, (&function, many)).unwrap();
        assert!(matches!(ran, Ran::Ended(true, Value::Integer(1))));
    }

    #[test]
    fn what_yields_or_fails_of_its_own_accord_is_told_from_a_wait() {
        let (lua, marker, coroutine, function) = setup("return function(x) yield(x) error(x) end");
        let table = lua.create_table().unwrap();
        let ran = coroutine.run(&lua, marker, true, (&function, &table)).unwrap();
        assert!(matches!(ran, Ran::Yields));
        let Ok(Ran::Failed(Value::Table(thrown))) = coroutine.run(&lua, marker, false, ()) else {
            panic!("it fails");
        };
        assert_eq!(thrown, table);
        let ran = coroutine.run(&lua, marker, true, (&function, 1)).unwrap();
        assert!(matches!(ran, Ran::Failed(Value::String(_))), "it has failed");
    }
}
