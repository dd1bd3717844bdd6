//! JSON text to and from Luau tables, without an intermediate tree on the host's heap.
//!
//! Tables are read raw: no metamethod runs. Long work passes a safepoint of the engine every
//! millisecond or so, hence a guest that ran out of time ends here too.

mod decode;
mod encode;

use std::time::{Duration, Instant};

use mlua::{Function, LuaString, Table, Value};

use super::errors::error_from_mlua;
use super::native::Natives;
use super::stack::{Passage, Slot, Stack, protected, text};
use decode::Decoder;
use encode::Encoder;

/// Deepest nesting that is read or written.
const DEPTH: usize = 128;

/// Adds `json_encode` and `json_decode`. Of the table of natives, `map_marker` is the metatable of tables that are maps
/// even when they are empty, `classes` gives the names of those metatables that have no JSON.
pub(super) fn add_natives(natives: &Natives<'_>) -> mlua::Result<()> {
    if natives.wants("json_encode") {
        return add_encode(natives);
    }
    if natives.wants("json_decode") {
        return add_decode(natives);
    }
    Ok(())
}

fn add_encode(natives: &Natives<'_>) -> mlua::Result<()> {
    let (marker, safepoint) = (marker(natives)?, safepoint(natives)?);
    let classes: Table = natives.table.raw_get("classes")?;
    let passage = Passage::new(natives.lua)?;
    natives.add("json_encode", move |lua, value: Value| {
        let mut encoder = Encoder::new(&passage, &marker, &classes);
        let mut outcome = Ok(());
        protected::<()>(lua, (passage.table(), &safepoint, value), |stack| {
            outcome = encoder.value(stack, 3);
        })
        .map_err(error_from_mlua)?;
        outcome?;
        text(lua, encoder.text()).map_err(error_from_mlua)
    })
}

fn add_decode(natives: &Natives<'_>) -> mlua::Result<()> {
    let (marker, safepoint) = (marker(natives)?, safepoint(natives)?);
    natives.add("json_decode", move |lua, text: LuaString| {
        let bytes = text.as_bytes();
        let mut decoder = Decoder::new(&bytes);
        let mut outcome = Ok(());
        let value: Value = protected(lua, (&marker, &safepoint), |stack| {
            outcome = decoder.document(stack);
        })
        .map_err(error_from_mlua)?;
        outcome.map(|()| value)
    })
}

fn marker(natives: &Natives<'_>) -> mlua::Result<Table> {
    natives.table.raw_get("map_marker")
}

fn safepoint(natives: &Natives<'_>) -> mlua::Result<Function> {
    natives.lua.load("return").set_name("=[facetbox]").into_function()
}

/// Calls an empty Luau function from time to time, which is where the engine checks its limits.
struct Safepoint {
    steps: u32,
    next: Instant,
}

impl Safepoint {
    /// Where the function is on the stack.
    const POLL: Slot = 2;
    const EVERY: Duration = Duration::from_millis(1);

    fn new() -> Safepoint {
        Safepoint { steps: 0, next: Instant::now() + Self::EVERY }
    }

    /// Counts one value of fixed cost. *Raises.*
    fn step(&mut self, stack: &Stack) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(256) {
            self.table(stack);
        }
    }

    /// Counts a table: walking over one may have taken long even if it is almost empty. *Raises.*
    fn table(&mut self, stack: &Stack) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + Self::EVERY;
            stack.call(Self::POLL);
        }
    }
}
