//! How Rust functions reach prelude code.
//!
//! A native function never raises: it returns `true` and its results, or `false` and an error. The
//! prelude raises that error itself, so no Rust frame is unwound by what guests do wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mlua::{FromLuaMulti, IntoLuaMulti, Lua, LuaString, MultiValue, Table, Value};

use super::errors::{argument_error, error_from_mlua, error_to_lua};
use super::trace::guest_stack;
use crate::error::{Error, ErrorCode, Result};

/// Natives of which one is made: the one that is wanted.
pub(crate) struct Natives<'a> {
    pub lua: &'a Lua,
    pub table: &'a Table,
    wanted: &'a str,
}

impl Natives<'_> {
    /// Sets the native of this name if it is the wanted one. See [`register`].
    pub fn add<A, R, F>(&self, name: &'static str, function: F) -> mlua::Result<()>
    where
        A: FromLuaMulti,
        R: IntoLuaMulti,
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
    {
        if !self.wants(name) {
            return Ok(());
        }
        register(self.lua, self.table, name, function)
    }

    pub fn wants(&self, name: &str) -> bool {
        self.wanted == name
    }
}

/// Makes a table of natives, each of which is made when it is used first: guests use few of them. `all` adds them all.
pub(crate) fn table_of<F>(lua: &Lua, all: F) -> mlua::Result<Table>
where
    F: Fn(&Natives<'_>) -> mlua::Result<()> + Send + 'static,
{
    let make = lua.create_function(move |lua, (table, name): (Table, LuaString)| {
        let made = match name.to_str() {
            Ok(name) => all(&Natives { lua, table: &table, wanted: &name }),
            Err(error) => Err(error),
        };
        made.and_then(|()| table.raw_get::<Value>(name))
            .map_err(|error| mlua::Error::external(error_from_mlua(error)))
    })?;
    let metatable = lua.create_table_from([("__index", make)])?;
    let table = lua.create_table()?;
    table.set_metatable(Some(metatable))?;
    Ok(table)
}

/// Sets `table[name]` to a Luau function that returns `true, results...` or `false, error`.
///
/// Wrong arguments give a `TypeError`; a panic gives a PANIC error that tells nothing of its cause.
pub(crate) fn register<A, R, F>(
    lua: &Lua,
    table: &Table,
    name: &'static str,
    function: F,
) -> mlua::Result<()>
where
    A: FromLuaMulti,
    R: IntoLuaMulti,
    F: Fn(&Lua, A) -> Result<R> + Send + 'static,
{
    let function = lua.create_function(move |lua, args: MultiValue| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let args = A::from_lua_multi(args, lua).map_err(argument_error)?;
            let results = function(lua, args)?;
            results.into_lua_multi(lua).map_err(error_from_mlua)
        }));
        match outcome {
            Ok(Ok(mut results)) => {
                results.push_front(Value::Boolean(true));
                Ok(results)
            }
            Ok(Err(error)) => {
                let error = error.with_stack(guest_stack(lua));
                (false, error_to_lua(lua, error)?).into_lua_multi(lua)
            }
            Err(_) => {
                let error = Error::new(ErrorCode::Panic, "internal error");
                (false, error_to_lua(lua, error)?).into_lua_multi(lua)
            }
        }
    })?;
    table.raw_set(name, function)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::luau::errors::error_from_lua;

    const CHECK: &str = "local native = ...
        local function check(ok, ...) if ok then return ... end error((...), 0) end
        ";

    fn run<R: mlua::FromLua>(native: &Table, lua: &Lua, code: &str) -> R {
        lua.load(format!("{CHECK}{code}")).set_name("=main").call(native.clone()).unwrap()
    }

    fn setup() -> (Lua, Table) {
        let lua = Lua::new();
        let native = lua.create_table().unwrap();
        register(&lua, &native, "double", |_, n: f64| Ok(n * 2.0)).unwrap();
        register(&lua, &native, "pair", |_, ()| Ok((1, 2))).unwrap();
        register(&lua, &native, "fail", |_, ()| -> Result<()> {
            Err(Error::new(ErrorCode::NotFound, "no such thing"))
        })
        .unwrap();
        register(&lua, &native, "panic", |_, ()| -> Result<()> { panic!("secret path") }).unwrap();
        (lua, native)
    }

    #[test]
    fn results_pass_and_failures_are_raised_as_error_values() {
        let (lua, native) = setup();
        assert_eq!(run::<f64>(&native, &lua, "return check(native.double(21))"), 42.0);
        assert_eq!(run::<i32>(&native, &lua, "return select('#', check(native.pair()))"), 2);
        let code = "local ok, e = pcall(function() return (check(native.fail())) end)
            return table.concat({ e.name, e.message, e.code, tostring(e), type(e.stack),
                typeof(e), tostring(getmetatable(e)) }, '|')";
        assert_eq!(
            run::<String>(&native, &lua, code),
            "TypeError|no such thing|NOT_FOUND|TypeError: no such thing|string|Error|false"
        );
    }

    #[test]
    fn an_error_knows_the_line_of_guest_code() {
        let (lua, native) = setup();
        let code = "local function outer() return (check(native.fail())) end
            local _, e = pcall(function() return (outer()) end) return e.stack";
        let stack: String = run(&native, &lua, code);
        assert!(stack.lines().any(|line| line.starts_with("main:3")), "{stack}");
        assert!(!stack.contains("[C]"), "{stack}");
    }

    #[test]
    fn wrong_arguments_give_type_errors() {
        let (lua, native) = setup();
        let code = "local ok, e = native.double({}) return tostring(ok) .. e.name .. e.code";
        assert_eq!(run::<String>(&native, &lua, code), "falseTypeErrorINVALID_ARGUMENT");
    }

    #[test]
    fn a_panic_becomes_an_opaque_error() {
        let (lua, native) = setup();
        let code = "local ok, e = native.panic() return e.code .. tostring(e)";
        assert_eq!(run::<String>(&native, &lua, code), "PANICError: internal error");
    }

    #[test]
    fn error_values_are_read_only_for_guests() {
        let (lua, native) = setup();
        let code = "local _, e = native.fail()
            return pcall(function() e.message = 'x' end) or pcall(setmetatable, e, {})
                or pcall(rawset, e, 'message', 'x')";
        assert!(!run::<bool>(&native, &lua, code));
    }

    #[test]
    fn an_error_of_ours_keeps_its_code_on_the_way_through_a_guest() {
        let (lua, native) = setup();
        let code = "local _, e = pcall(function() check(native.fail()) end) return e";
        assert_eq!(error_from_lua(run(&native, &lua, code)).code(), ErrorCode::NotFound);
        let external = mlua::Error::external(Error::new(ErrorCode::Aborted, "why"));
        assert_eq!(error_from_mlua(external).code(), ErrorCode::Aborted);
    }

    #[test]
    fn hoarded_errors_count_as_guest_memory() {
        let lua = Lua::new();
        let native = lua.create_table().unwrap();
        register(&lua, &native, "fail", |_, ()| -> Result<()> {
            Err(Error::type_error("x".repeat(60_000)))
        })
        .unwrap();
        let before = lua.used_memory();
        let code = "keep = {} for i = 1, 100 do keep[i] = select(2, native.fail()) end return 1";
        run::<i32>(&native, &lua, code);
        assert!(lua.used_memory() - before > 100 * 60_000);
    }
}
