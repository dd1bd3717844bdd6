//! The engine's stack, for work on many values in one protected call.
//!
//! The binding's own functions that touch a table are a protected call each, and each value that they give is a
//! reference which the engine has to count. Code that copies whole tables runs in one protected call instead, on
//! the engine's stack.
//!
//! The engine leaves such code by an exception, for want of memory or because the guest has to end. So nothing that has
//! to be dropped may be on Rust's stack where a function is called that *raises*: what is made belongs to
//! what the code borrows.

#![expect(unsafe_code, reason = "the engine's stack has no safe interface")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;

use super::guard;
use mlua::{
    Buffer, FromLuaMulti, IntoLua, IntoLuaMulti, Lua, LuaString, Table, Value, ffi, lua_State,
};

/// Whole numbers up to this are doubles of the engine, those beyond its 64-bit integers.
const MAX_SAFE: i64 = 1 << 53;

/// A place on the stack, counted from 1. The arguments of [`protected`] are in the first ones.
pub(super) type Slot = c_int;

/// A value that the machine keeps as long as it lives, where no code of a guest gets at it.
#[derive(Clone, Copy)]
pub(super) struct Kept(c_int);

impl Kept {
    /// Keeps a value, which isn't nil.
    pub fn new(lua: &Lua, value: impl IntoLua) -> mlua::Result<Kept> {
        let mut kept = Kept(0);
        protected::<()>(lua, value.into_lua(lua)?, |stack| kept = stack.keep(1))?;
        Ok(kept)
    }

    /// Pushes it.
    ///
    /// # Safety
    /// The state must be one of the machine, which this thread has locked, and have room for a value.
    pub unsafe fn push(self, state: *mut lua_State) {
        // SAFETY: the caller's promise; the registry is a table. With room this doesn't raise.
        unsafe { ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.0) };
    }
}

/// The stack of one protected call.
///
/// Whoever uses it names slots that hold something, tables where a table is asked for, and takes off what it has pushed.
pub(super) struct Stack(*mut lua_State);

/// What is in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nil,
    /// The sentinel for null.
    Null,
    Boolean,
    Number,
    Integer,
    Text,
    Table,
    Buffer,
    Other,
}

/// A table by which values pass between the stack and the binding. It is the first argument of a protected call.
pub(super) struct Passage(Table);

impl Passage {
    const SLOT: Slot = 1;

    pub fn new(lua: &Lua) -> mlua::Result<Passage> {
        lua.create_sequence_from([false]).map(Passage)
    }

    /// The argument.
    pub fn table(&self) -> &Table {
        &self.0
    }

    /// Gives the binding's form of what is in a slot. *Raises.*
    pub fn take_out(&self, stack: &Stack, slot: Slot) -> mlua::Result<Value> {
        stack.copy(slot);
        stack.set_element(Passage::SLOT, 1);
        let value = self.0.raw_get(1);
        self.0.raw_set(1, false)?;
        value
    }

    /// Pushes a value of the binding's. *Raises.*
    pub fn put_in(&self, stack: &Stack, value: Value) -> mlua::Result<()> {
        self.0.raw_set(1, value)?;
        stack.element(Passage::SLOT, 1);
        self.0.raw_set(1, false)
    }
}

/// Runs `code` in one protected call. Its result is what it leaves in the first slot.
///
/// # Errors
/// What the engine raises.
pub(super) fn protected<R: FromLuaMulti>(
    lua: &Lua,
    args: impl IntoLuaMulti,
    code: impl FnOnce(&Stack),
) -> mlua::Result<R> {
    let mut code = Some(code);
    let mut run = |stack: &Stack| code.take().map_or((), |code| code(stack));
    let mut code: Code<'_> = &mut run;
    lua.exec_raw_lua(|raw| {
        let state = raw.state();
        // Of all blocks: the machine is locked, so the state is alive and this thread's; there is room for what is pushed, so
        // that nothing raises but the protected call, within itself. What a block needs beyond that is said there.
        // SAFETY: as said above.
        let top = unsafe { ffi::lua_gettop(state) };
        let call = || {
            push_trampoline(lua, state)?;
            // SAFETY: this makes room for the arguments.
            let count = unsafe { args.push_into_stack_multi(raw) }?;
            make_room(state, 1)?;
            // SAFETY: the trampoline takes it for what it is, and has it only during the call.
            unsafe { ffi::lua_pushlightuserdatatagged(state, (&raw mut code).cast(), 0) };
            // SAFETY: the function is below so many arguments. What the code calls keeps to the rule above.
            match unsafe { ffi::lua_pcall(state, count + 1, ffi::LUA_MULTRET, 0) } {
                ffi::LUA_OK => {
                    // SAFETY: as said above.
                    let results = unsafe { ffi::lua_gettop(state) } - top;
                    // SAFETY: there are so many.
                    unsafe { R::from_stack_multi(results, raw) }
                }
                ffi::LUA_ERRMEM => Err(mlua::Error::MemoryError("not enough memory".into())),
                // SAFETY: what was raised is on top.
                _ => Err(match unsafe { raw.pop::<Value>() }? {
                    Value::Error(error) => *error,
                    Value::String(text) => mlua::Error::RuntimeError(text.to_string_lossy()),
                    other => mlua::Error::RuntimeError(other.type_name().to_owned()),
                }),
            }
        };
        let called = call();
        // SAFETY: what was pushed since and is left is nobody's.
        unsafe { ffi::lua_settop(state, top) };
        called
    })
}

/// What a protected call runs.
type Code<'a> = &'a mut dyn FnMut(&Stack);

/// Its address is what a machine has the trampoline under.
static TRAMPOLINE: u8 = 0;

/// Pushes the function that runs the code of protected calls. It is made once for each machine: a function of its own for each
/// call would cost as much as the call.
fn push_trampoline(lua: &Lua, state: *mut lua_State) -> mlua::Result<()> {
    const REGISTRY: c_int = ffi::LUA_REGISTRYINDEX;
    let key = (&raw const TRAMPOLINE).cast();
    make_room(state, 1)?;
    // SAFETY: the machine is locked, and there is room.
    if unsafe { ffi::lua_rawgetptagged(state, REGISTRY, key, 0) } == ffi::LUA_TFUNCTION {
        return Ok(());
    }
    // SAFETY: something was pushed.
    unsafe { ffi::lua_pop(state, 1) };
    let make = |state| {
        let name = c"protected".as_ptr();
        // SAFETY: this is a protected call, which has room for a few values.
        unsafe { ffi::lua_pushcclosurek(state, run_code, name, 0, None) };
        // SAFETY: the function is on top.
        unsafe { ffi::lua_rawsetptagged(state, REGISTRY, key, 0) };
    };
    // SAFETY: the closure owns nothing that has to be dropped.
    unsafe { lua.exec_raw::<()>((), make) }?;
    // SAFETY: the machine is locked, and there is room.
    unsafe { ffi::lua_rawgetptagged(state, REGISTRY, key, 0) };
    Ok(())
}

/// # Safety
/// The last argument must be the address of a [`Code`] that nobody else uses meanwhile.
unsafe extern "C-unwind" fn run_code(state: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise; the engine calls this with a state that runs nothing else.
    let code = unsafe { ffi::lua_tolightuserdatatagged(state, -1, 0) }.cast::<Code<'_>>();
    // SAFETY: there is an argument.
    unsafe { ffi::lua_pop(state, 1) };
    // SAFETY: the caller's promise.
    let code = unsafe { &mut *code };
    code(&Stack(state));
    // SAFETY: as above.
    unsafe { ffi::lua_gettop(state) }
}

/// Makes room for so many values on a stack of a machine that this thread has locked.
pub(super) fn make_room(state: *mut lua_State, count: c_int) -> mlua::Result<()> {
    // SAFETY: the state is alive; this doesn't raise.
    match unsafe { ffi::lua_checkstack(state, count) } {
        0 => Err(mlua::Error::StackError),
        _ => Ok(()),
    }
}

/// Makes text of the engine's.
///
/// # Errors
/// A lack of memory; that the guest has to end.
pub(super) fn text(lua: &Lua, text: &[u8]) -> mlua::Result<LuaString> {
    protected(lua, (), |stack| stack.push_text(text))
}

/// Makes a buffer.
///
/// # Errors
/// A lack of memory.
pub(super) fn buffer(lua: &Lua, bytes: &[u8]) -> mlua::Result<Buffer> {
    protected(lua, (), |stack| stack.push_bytes(bytes))
}

/// A size that the engine takes as an `int`; one that is too large fails there.
fn int(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}

// SAFETY of all blocks below: the state is alive and this thread's for as long as the stack is borrowed, which it is within
// `protected` only; functions that push make room themselves. What a block needs beyond that is said there.
impl Stack {
    /// The last slot.
    pub fn top(&self) -> Slot {
        // SAFETY: as said above.
        unsafe { ffi::lua_gettop(self.0) }
    }

    pub fn pop(&self, count: c_int) {
        debug_assert!(self.top() >= count);
        // SAFETY: there are so many slots.
        unsafe { ffi::lua_pop(self.0, count) };
    }

    /// Moves the last slot to `slot` and takes off all that come after it.
    pub fn keep_last(&self, slot: Slot) {
        debug_assert!((1..=self.top()).contains(&slot));
        if self.top() > slot {
            // SAFETY: both slots are there.
            unsafe { ffi::lua_replace(self.0, slot) };
            // SAFETY: as said above.
            unsafe { ffi::lua_settop(self.0, slot) };
        }
    }

    /// Moves the last slot to `slot` and those from there on one up.
    pub fn insert(&self, slot: Slot) {
        debug_assert!((1..=self.top()).contains(&slot));
        // SAFETY: the slot is there.
        unsafe { ffi::lua_insert(self.0, slot) };
    }

    pub fn kind(&self, slot: Slot) -> Kind {
        // SAFETY: a slot that isn't there has a type of its own.
        match unsafe { ffi::lua_type(self.0, slot) } {
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TLIGHTUSERDATA if self.pointer(slot).is_null() => Kind::Null,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TINTEGER => Kind::Integer,
            ffi::LUA_TSTRING => Kind::Text,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TBUFFER => Kind::Buffer,
            _ => Kind::Other,
        }
    }

    /// The name of the type of what is in a slot.
    pub fn type_name(&self, slot: Slot) -> &'static str {
        // SAFETY: as said above.
        let kind = unsafe { ffi::lua_type(self.0, slot) };
        // SAFETY: it is a type.
        let name = unsafe { ffi::lua_typename(self.0, kind) };
        // SAFETY: names end with NUL and are never freed.
        unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default()
    }

    pub fn boolean_at(&self, slot: Slot) -> bool {
        // SAFETY: as said above.
        unsafe { ffi::lua_toboolean(self.0, slot) != 0 }
    }

    /// The number in a slot; 0 if it holds none.
    pub fn number_at(&self, slot: Slot) -> f64 {
        // SAFETY: as said above; the flag may be null.
        unsafe { ffi::lua_tonumberx(self.0, slot, null_mut()) }
    }

    /// The 64-bit integer in a slot; 0 if it holds none.
    pub fn integer_at(&self, slot: Slot) -> i64 {
        // SAFETY: as said above; the flag may be null.
        unsafe { ffi::lua_tointeger64(self.0, slot, null_mut()) }
    }

    /// The bytes of the text in a slot, which must be text: a number would be made one in its place.
    pub fn text_at(&self, slot: Slot) -> &[u8] {
        debug_assert_eq!(self.kind(slot), Kind::Text);
        let mut length = 0;
        // SAFETY: the length outlives the call.
        let start = unsafe { ffi::lua_tolstring(self.0, slot, &raw mut length) };
        self.slice(start.cast(), length)
    }

    /// The bytes of the buffer in a slot.
    pub fn buffer_at(&self, slot: Slot) -> &[u8] {
        let mut length = 0;
        // SAFETY: the length outlives the call.
        let start = unsafe { ffi::lua_tobuffer(self.0, slot, &raw mut length) };
        self.slice(start.cast(), length)
    }

    fn slice(&self, start: *const u8, length: usize) -> &[u8] {
        if start.is_null() {
            return &[];
        }
        // SAFETY: the engine's strings and buffers don't move. They stay while something in the machine holds them, as
        // whatever the slot is a part of does; no code of the guest runs meanwhile, which could change a buffer.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    /// What identifies the object in a slot; null if there is none.
    pub fn pointer(&self, slot: Slot) -> *const c_void {
        // SAFETY: as said above.
        unsafe { ffi::lua_topointer(self.0, slot) }
    }

    /// A place before the end of a table's list.
    pub fn length(&self, table: Slot) -> usize {
        // SAFETY: as said above.
        unsafe { ffi::lua_objlen(self.0, table) }
    }

    /// Pushes the metatable of a table; answers whether it has one. *Raises.*
    pub fn metatable(&self, table: Slot) -> bool {
        // SAFETY: as said above.
        unsafe { ffi::lua_getmetatable(self.0, table) != 0 }
    }

    /// Pushes the key and value of the entry at or after place `at`, from 0 on; answers the next place. *Raises.*
    pub fn next(&self, table: Slot, at: c_int) -> Option<c_int> {
        debug_assert_eq!(self.kind(table), Kind::Table);
        // SAFETY: it is a table; places beyond its end are none.
        let next = unsafe { ffi::lua_rawiter(self.0, table, at) };
        (next >= 0).then_some(next)
    }

    /// Whether the keys of a table are exactly 1 to `length`; calls `each` for each that was looked at. *Raises.*
    pub fn is_list(&self, table: Slot, length: usize, mut each: impl FnMut()) -> bool {
        let key = self.top() + 1;
        let (mut count, mut at) = (0, 0);
        while let Some(next) = self.next(table, at) {
            (count, at) = (count + 1, next);
            let number = if self.kind(key) == Kind::Number { self.number_at(key) } else { 0.0 };
            self.pop(2);
            if number.fract() != 0.0 || !(1.0..=length as f64).contains(&number) {
                return false;
            }
            each();
        }
        count == length
    }

    /// Pushes an element of a list. *Raises.*
    pub fn element(&self, table: Slot, at: usize) {
        debug_assert_eq!(self.kind(table), Kind::Table);
        // SAFETY: it is a table.
        unsafe { ffi::lua_rawgeti_(self.0, table, int(at)) };
    }

    /// Pushes what a table has under a name. *Raises.*
    pub fn field(&self, table: Slot, name: &str) {
        debug_assert_eq!(self.kind(table), Kind::Table);
        self.push_text(name.as_bytes());
        // SAFETY: it is a table, and the key is on top.
        unsafe { ffi::lua_rawget(self.0, table) };
    }

    /// Pushes a copy of a slot. *Raises.*
    pub fn copy(&self, slot: Slot) {
        // SAFETY: as said above.
        unsafe { ffi::lua_pushvalue(self.0, slot) };
    }

    pub fn push_nil(&self) {
        // SAFETY: as said above.
        unsafe { ffi::lua_pushnil(self.0) };
    }

    /// Pushes the sentinel for null. *Raises.*
    pub fn push_null(&self) {
        // SAFETY: the engine doesn't look at where it points.
        unsafe { ffi::lua_pushlightuserdatatagged(self.0, null_mut(), 0) };
    }

    /// *Raises.*
    pub fn push_boolean(&self, value: bool) {
        // SAFETY: as said above.
        unsafe { ffi::lua_pushboolean(self.0, value.into()) };
    }

    /// *Raises.*
    pub fn push_number(&self, number: f64) {
        // SAFETY: as said above.
        unsafe { ffi::lua_pushnumber(self.0, number) };
    }

    /// Pushes a whole number: a double where that is exact. *Raises.*
    pub fn push_integer(&self, number: i64) {
        if (-MAX_SAFE..=MAX_SAFE).contains(&number) {
            return self.push_number(number as f64);
        }
        // SAFETY: as said above.
        unsafe { ffi::lua_pushinteger64(self.0, number) };
    }

    /// Pushes text. The engine looks it up among those of its hash, which a guest may have made many of, so one that has
    /// to end does here. *Raises.*
    pub fn push_text(&self, text: &[u8]) {
        if guard::is_stopped() {
            self.push_nil();
            // SAFETY: an error may be raised wherever the engine may raise one, as it may for want of memory below.
            unsafe { ffi::lua_error(self.0) };
        }
        // SAFETY: the text has this length, and is copied.
        unsafe { ffi::lua_pushlstring_(self.0, text.as_ptr().cast(), text.len()) };
    }

    /// Pushes a buffer. *Raises.*
    pub fn push_bytes(&self, bytes: &[u8]) {
        // SAFETY: as said above.
        let start = unsafe { ffi::lua_newbuffer(self.0, bytes.len()) };
        // SAFETY: the new buffer has the length of the bytes.
        unsafe { start.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Pushes a new table with room for a list and for entries. *Raises.*
    pub fn push_table(&self, list: usize, entries: usize) {
        // SAFETY: as said above.
        unsafe { ffi::lua_createtable(self.0, int(list), int(entries)) };
    }

    /// Takes a value and below it a key off the stack and sets them in a table. *Raises.*
    pub fn set(&self, table: Slot) {
        debug_assert_eq!(self.kind(table), Kind::Table);
        // SAFETY: it is a table.
        unsafe { ffi::lua_rawset(self.0, table) };
    }

    /// Takes a value off the stack and sets it as an element of a list. *Raises.*
    pub fn set_element(&self, table: Slot, at: usize) {
        debug_assert_eq!(self.kind(table), Kind::Table);
        // SAFETY: it is a table.
        unsafe { ffi::lua_rawseti_(self.0, table, int(at)) };
    }

    /// Keeps what is in a slot. *Raises.*
    fn keep(&self, slot: Slot) -> Kept {
        // SAFETY: as said above.
        Kept(unsafe { ffi::lua_ref(self.0, slot) })
    }

    /// Takes a table off the stack and makes it the metatable of another. *Raises.*
    pub fn set_metatable(&self, table: Slot) {
        // SAFETY: both are tables.
        unsafe { ffi::lua_setmetatable(self.0, table) };
    }

    /// Calls a function without arguments or results. *Raises.*
    pub fn call(&self, function: Slot) {
        self.copy(function);
        // SAFETY: the function is on top.
        unsafe { ffi::lua_call(self.0, 0, 0) };
    }
}

/// A double as a whole number where it is one, and no negative zero.
pub(super) fn whole(number: f64) -> Option<i64> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    let whole = number as i64;
    (number < TWO_63 && (whole as f64).to_bits() == number.to_bits()).then_some(whole)
}
