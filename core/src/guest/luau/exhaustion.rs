//! The engine's two exhaustions, whose texts a guest may throw as well.
//!
//! An exhaustion counts only if the engine raised it: then the function that was running isn't one of those that raise
//! what they are given. That is looked at where the error is, before any frame of it has gone.

#![expect(unsafe_code, reason = "the stack of a coroutine that has failed has no safe interface")]

use std::ffi::c_int;
use std::mem::MaybeUninit;

use mlua::{Function, Lua, ffi, lua_State};

/// What the engine has run out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhaustion {
    Stack,
    Memory,
}

impl Exhaustion {
    /// What an error's text claims.
    pub fn claimed_by(text: &[u8]) -> Option<Exhaustion> {
        if text == b"not enough memory" {
            Some(Exhaustion::Memory)
        } else if text.ends_with(b"stack overflow") {
            Some(Exhaustion::Stack)
        } else {
            None
        }
    }
}

/// The functions that raise what they are given, by their addresses.
pub(super) struct Raisers([usize; 2]);

impl Raisers {
    /// Finds them among the globals, where they stay.
    pub fn of(lua: &Lua) -> mlua::Result<Raisers> {
        let address = |name| {
            lua.globals().raw_get::<Function>(name).map(|function| function.to_pointer().addr())
        };
        Ok(Raisers([address("error")?, address("assert")?]))
    }

    /// Whether the function at a level of a stack is one of them; level 0 is the innermost.
    ///
    /// # Safety
    /// The state must be alive, used by this thread only, and have room for a value.
    pub unsafe fn run_at(&self, state: *mut lua_State, level: c_int) -> bool {
        let mut info = MaybeUninit::<ffi::lua_Debug>::zeroed();
        // SAFETY: the caller's promise; zeroed is what the binding gives, too.
        let found = unsafe { ffi::lua_getinfo(state, level, c"f".as_ptr(), info.as_mut_ptr()) };
        if found == 0 {
            return false;
        }
        // SAFETY: the function was pushed.
        let function = unsafe { ffi::lua_topointer(state, -1) };
        // SAFETY: as above; this takes it off again.
        unsafe { ffi::lua_settop(state, -2) };
        self.0.contains(&function.addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_engines_own_texts_claim() {
        assert_eq!(Exhaustion::claimed_by(b"not enough memory"), Some(Exhaustion::Memory));
        assert_eq!(Exhaustion::claimed_by(b"main:3: C stack overflow"), Some(Exhaustion::Stack));
        for text in ["", "main:3: not enough memory", "stack overflow!"] {
            assert_eq!(Exhaustion::claimed_by(text.as_bytes()), None, "{text}");
        }
    }
}
