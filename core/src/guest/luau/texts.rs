//! The engine's table of texts.
//!
//! It has no interface. It is what a machine's global state begins with, followed by the allocator, by which it is told.

#![expect(unsafe_code, reason = "fields of the engine's state that have no interface")]

use std::ffi::c_void;
use std::ptr::{self, null_mut};
use std::slice;

use mlua::{ffi, lua_State};

use crate::guest::crowd;

/// How a text begins.
#[repr(C)]
struct Text {
    kind: [u8; 3],
    atom: i16,
    /// The next in its chain.
    next: *mut Text,
}

/// The table, and what is behind it in a global state.
#[repr(C)]
#[derive(Clone, Copy)]
struct Table {
    firsts: *mut *mut Text,
    texts: u32,
    buckets: i32,
    allocate: Option<ffi::lua_Alloc>,
    data: *mut c_void,
}

/// The table of one machine.
#[derive(Clone, Copy)]
pub(super) struct Texts(*mut Table);

// SAFETY: the address is used by whoever has the machine.
unsafe impl Send for Texts {}

/// How far behind the main state's beginning the global state is looked for, which is in the same block and has some
/// thousand bytes.
const NEAR: usize = 512;
/// In how many words of the main state its address is looked for.
const WORDS: usize = 16;

impl Texts {
    /// The table of a machine, by its main state. None if the engine has another one.
    ///
    /// # Safety
    /// The machine is alive, and only this thread uses it.
    pub unsafe fn of(main: *mut lua_State) -> Option<Texts> {
        let mut data = null_mut();
        // SAFETY: the caller's promise; the data's address is stored where it is told.
        let allocate = unsafe { ffi::lua_getallocf(main, &raw mut data) };
        (1..WORDS).find_map(|at| {
            // SAFETY: a state is longer than that.
            let place = unsafe { main.cast::<*mut Table>().add(at) };
            // SAFETY: as above. A word of two numbers isn't used as an address.
            let word = unsafe { place.read() };
            let distance = word.addr().wrapping_sub(main.addr());
            if !(size_of::<*mut Table>()..NEAR).contains(&distance) || !word.is_aligned() {
                return None;
            }
            // SAFETY: so near behind the state, it lies in the block that begins with that.
            let table = unsafe { word.read() };
            let is_ours = table.allocate.is_some_and(|known| ptr::fn_addr_eq(known, allocate));
            (is_ours && table.data == data && table.buckets.count_ones() == 1)
                .then_some(Texts(word))
        })
    }

    fn chains<'a>(table: Table) -> &'a mut [*mut Text] {
        // SAFETY: a table has so many buckets, and whoever calls this has the machine.
        unsafe { slice::from_raw_parts_mut(table.firsts, table.buckets as usize) }
    }

    /// Whether chains are much longer than chance makes them.
    ///
    /// # Safety
    /// The machine is alive, only this thread uses it, and it is at a safepoint, or within a native.
    pub unsafe fn are_crowded(self) -> bool {
        // SAFETY: the caller's promise.
        let table = unsafe { self.0.read() };
        let bound = crowd::bound(table.texts as usize);
        if u64::from(table.texts).pow(2) <= bound {
            return false;
        }
        let mut steps = 0;
        for first in Texts::chains(table) {
            let (mut length, mut text) = (0_u64, *first);
            while !text.is_null() {
                length += 1;
                // SAFETY: what is in a chain is a text that hasn't been freed.
                text = unsafe { (*text).next };
            }
            steps += length * length;
            if steps > bound {
                return true;
            }
        }
        false
    }

    /// Takes all out of a table that is crowded, before the machine is closed: each that is freed is looked for.
    ///
    /// # Safety
    /// The machine is alive, only this thread uses it, and nothing runs in it any more.
    pub unsafe fn empty_if_crowded(self) {
        // SAFETY: the caller's promise is the same.
        if !unsafe { self.are_crowded() } {
            return;
        }
        // SAFETY: the caller's promise.
        let table = unsafe { &mut *self.0 };
        for first in Texts::chains(*table) {
            let mut text = std::mem::replace(first, null_mut());
            while !text.is_null() {
                // SAFETY: as above. The engine takes a text without a next for one that is in no chain.
                text = std::mem::replace(unsafe { &mut (*text).next }, null_mut());
            }
        }
        table.texts = 0;
    }
}

#[cfg(test)]
mod tests {
    use mlua::Lua;

    use super::*;

    fn table(lua: &Lua) -> Texts {
        let main = lua.exec_raw_lua(|lua| lua.state());
        // SAFETY: the machine is alive, and no other thread has it.
        unsafe { Texts::of(main) }.expect("the engine has a table of texts")
    }

    /// How many there are by the table, and in its chains.
    fn counts(lua: &Lua) -> (usize, usize) {
        // SAFETY: the machine is alive, and nothing runs in it.
        let table = unsafe { table(lua).0.read() };
        let mut found = 0;
        for first in Texts::chains(table) {
            let mut text = *first;
            while !text.is_null() {
                found += 1;
                // SAFETY: as above.
                text = unsafe { (*text).next };
            }
        }
        (table.texts as usize, found)
    }

    #[test]
    fn each_text_of_a_machine_is_in_its_table() {
        let lua = Lua::new();
        let (before, found) = counts(&lua);
        assert!(before > 100 && before == found, "{before} and {found}");
        let kept: Vec<_> =
            (0..3_000).map(|at| lua.create_string(format!("text {at}")).unwrap()).collect();
        let (after, found) = counts(&lua);
        assert!(after >= kept.len() + 100 && after == found, "{after} and {found}");
    }

    #[test]
    fn texts_by_chance_are_not_crowded() {
        let lua = Lua::new();
        let all = lua.create_table().unwrap();
        for at in 0..200_000 {
            all.raw_push(format!("text {at}")).unwrap();
        }
        let texts = table(&lua);
        // SAFETY: the machine is alive, and nothing runs in it.
        assert!(!unsafe { texts.are_crowded() });
    }
}
