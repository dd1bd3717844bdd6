//! The stacks of guest code that errors carry.

#![expect(
    unsafe_code,
    reason = "a stack's levels have no safe interface that makes nothing in the engine"
)]

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;

use mlua::{Lua, ffi, lua_State};

use crate::error::TEXT_BYTES;

/// Of deeper stacks there are so many of the innermost levels, and so many of the outermost.
const INNER: c_int = 12;
const OUTER: c_int = 10;

/// What the chunks of the engine's binding begin with, which are between guests and native methods.
const BINDING: &str = "__mlua";

/// The stack of guest code that is calling a native function: `module:line` and the function's name
/// on each line, innermost first, without the frames of the prelude and of native functions.
pub(super) fn guest_stack(lua: &Lua) -> String {
    // SAFETY: the machine is locked meanwhile, and the state is the one that runs.
    lua.exec_raw_lua(|lua| unsafe { stack_of(lua.state()) })
}

/// The stack of guest code of one coroutine, which runs or has failed.
///
/// # Safety
/// The state must be alive and of a machine that this thread has locked.
pub(super) unsafe fn stack_of(state: *mut lua_State) -> String {
    // SAFETY: the caller's promise.
    let depth = unsafe { ffi::lua_stackdepth(state) };
    let mut stack = String::new();
    let mut level = 0;
    while level < depth && stack.len() < TEXT_BYTES {
        if level == INNER && depth > INNER + OUTER {
            level = depth - OUTER;
        }
        let mut info = MaybeUninit::<ffi::lua_Debug>::zeroed();
        // SAFETY: the caller's promise; zeroed is what the binding gives, too. What is asked for pushes nothing.
        let found = unsafe { ffi::lua_getinfo(state, level, c"sln".as_ptr(), info.as_mut_ptr()) };
        level += 1;
        if found == 0 {
            continue;
        }
        // SAFETY: all fields are numbers and pointers, for which zeros are values.
        let info = unsafe { info.assume_init_ref() };
        // SAFETY: the engine has set it.
        let place = unsafe { text(info.short_src) };
        if place.starts_with('[') || place.starts_with(BINDING) {
            continue;
        }
        if !stack.is_empty() {
            stack.push('\n');
        }
        stack.push_str(&place);
        if info.currentline > 0 {
            stack.push_str(&format!(":{}", info.currentline));
        }
        if !info.name.is_null() {
            stack.push(' ');
            // SAFETY: the engine has set it.
            stack.push_str(&unsafe { text(info.name) });
        }
    }
    stack.truncate(stack.floor_char_boundary(TEXT_BYTES));
    stack
}

/// # Safety
/// There must be a text that ends with NUL.
unsafe fn text(start: *const c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack_at(code: &str) -> String {
        let lua = Lua::new();
        let here = lua.create_function(|lua, ()| Ok(guest_stack(lua))).unwrap();
        lua.globals().set("here", here).unwrap();
        lua.load(code).set_name("=main").eval().unwrap()
    }

    #[test]
    fn a_line_tells_place_and_name() {
        let code = "local function inner() return (here()) end
            function outer() return (inner()) end
            return (outer())";
        assert_eq!(stack_at(code), "main:1 inner\nmain:2 outer\nmain:3");
    }

    #[test]
    fn the_binding_does_not_show() {
        let lua = Lua::new();
        let here = lua.create_function(|lua, ()| Ok(guest_stack(lua))).unwrap();
        lua.globals().set("here", here).unwrap();
        lua.load("function between() return (here()) end")
            .set_name("=__mlua_index")
            .exec()
            .unwrap();
        let stack: String = lua.load("return (between())").set_name("=main").eval().unwrap();
        assert_eq!(stack, "main:1");
    }

    #[test]
    fn of_deep_stacks_there_are_both_ends() {
        let code = "local function down(n)
                if n == 0 then return (here()) end
                return (down(n - 1))
            end
            return (down(1000))";
        let stack = stack_at(code);
        let lines: Vec<&str> = stack.lines().collect();
        assert_eq!(lines.len() as c_int, INNER + OUTER - 1, "{stack}");
        assert_eq!((lines[0], lines[1]), ("main:2 down", "main:3 down"));
        assert_eq!(lines.last(), Some(&"main:5"));
    }
}
