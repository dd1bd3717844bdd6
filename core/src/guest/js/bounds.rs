//! Bounds on what runs inside the engine without looking at the guest's limits, as far as they are Rust's: see
//! prelude/bounds.js for the others.

#![expect(unsafe_code, reason = "functions of the engine's, and values that it lends")]

use std::ffi::{CStr, c_int};
use std::hash::{BuildHasher, RandomState};
use std::ptr::{NonNull, null_mut};

use rquickjs::atom::PredefinedAtom;
use rquickjs::object::{Filter, Property};
use rquickjs::{
    Array, Atom, Ctx, Error as JsError, Function, Object, Result, Value as JsValue, qjs,
};

use super::entry::{answer, owned, raise};
use super::errors::error_to_js;
use super::kinds::Kind;
use super::late::function;
use super::vm::Hooks;
use crate::error::{Error, ErrorCode};

/// Longest array that the engine may walk without looking at the guest's limits.
const MAX_LENGTH: i64 = 16_777_216;
/// Longest one in which items may be missing. The engine looks for each in all that the array inherits from, and an array of any
/// length takes no memory.
const MAX_MISSING: i64 = 1 << 20;
/// Places at which a longer one is tried: more than one in thirty can't be missing.
const TRIED: u64 = 256;

/// Longest text that is searched for by the engine: it compares it with each item.
const MAX_SEARCHED: i64 = 1_024;
/// Items that the engine sorts at once, and joins: making a text of a number takes up to a microsecond.
const PIECE: i64 = 1 << 15;
const JOINED: i64 = 1 << 13;
/// Characters of the texts among items that it sorts.
const MAX_TEXT: i64 = 1 << 21;

/// What such a method does with the array that it is called on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Reads,
    Joins,
    /// Compares items with what is searched for, and looks at the limits.
    Searches,
    /// Answers a sorted copy.
    Sorts,
    /// Changes items, and answers the array.
    Moves,
    SortsHere,
    /// Makes items that are missing.
    Fills,
    /// Changes items and length.
    Resizes,
}

impl Use {
    fn sorts(self) -> bool {
        matches!(self, Use::Sorts | Use::SortsHere)
    }

    /// Whether what is like an array is changed.
    fn changes(self) -> bool {
        matches!(self, Use::Moves | Use::SortsHere | Use::Fills | Use::Resizes)
    }
}

/// The engine's methods of arrays that do so, with how many parameters they have.
const ARRAYS: [(&CStr, c_int, Use); 17] = [
    (c"fill", 1, Use::Fills),
    (c"includes", 1, Use::Searches),
    (c"indexOf", 1, Use::Searches),
    (c"join", 1, Use::Joins),
    (c"lastIndexOf", 1, Use::Searches),
    (c"slice", 2, Use::Reads),
    (c"toLocaleString", 0, Use::Reads),
    (c"toReversed", 0, Use::Reads),
    (c"toSorted", 1, Use::Sorts),
    (c"toSpliced", 2, Use::Reads),
    (c"with", 2, Use::Reads),
    (c"copyWithin", 2, Use::Moves),
    (c"reverse", 0, Use::Moves),
    (c"shift", 0, Use::Resizes),
    (c"sort", 1, Use::SortsHere),
    (c"splice", 2, Use::Resizes),
    (c"unshift", 1, Use::Resizes),
];

/// Replaces the methods of arrays by ones that look at the array first. Answers the originals.
pub(super) fn bound_arrays<'js>(ctx: &Ctx<'js>) -> Result<Vec<Function<'js>>> {
    let prototype = Array::new(ctx.clone())?.as_object().get_prototype();
    let prototype = prototype.ok_or(JsError::Unknown)?;
    let bound = |(number, (name, length, _)): (usize, &(&CStr, c_int, Use))| {
        let key = name.to_str()?;
        let original = prototype.get(key)?;
        // As enumerable as the original.
        prototype.set(key, function(ctx, call, name, *length, number)?)?;
        Ok(original)
    };
    ARRAYS.iter().enumerate().map(bound).collect()
}

/// Where the engine calls such a method.
unsafe extern "C" fn call(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    args: *mut qjs::JSValue,
    number: c_int,
) -> qjs::JSValue {
    // SAFETY: the engine calls this, and keeps `this` and so many arguments alive for the call.
    unsafe { answer(ctx, |ctx, hooks| call_checked(ctx, hooks, this, (count, args), number)) }
}

/// Looks at the array, and calls the engine's own method; for what is like one, on an array of its items.
fn call_checked<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    this: qjs::JSValue,
    (count, args): (c_int, *mut qjs::JSValue),
    number: c_int,
) -> Result<JsValue<'js>> {
    // SAFETY: `call` has it from the engine, which keeps it alive.
    let this = unsafe { owned(ctx, this) };
    let (name, _, usage) = ARRAYS[number as usize];
    let method = &hooks.arrays[number as usize];
    let call = |list: &JsValue<'js>| {
        let (raw, method) = (ctx.as_raw().as_ptr(), method.as_raw());
        // SAFETY: the engine keeps the arguments alive for the call of `call`; the other values are alive, too.
        let answer = unsafe { qjs::JS_Call(raw, method, list.as_raw(), count, args) };
        // SAFETY: it is of this context, and the reference is given away.
        let answer = unsafe { JsValue::from_raw(ctx.clone(), answer) };
        if answer.is_exception() { Err(JsError::Exception) } else { Ok(answer) }
    };
    let given: &[qjs::JSValue] = match count {
        0 => &[],
        // SAFETY: the engine gives so many values, which stay alive for the call.
        count => unsafe { std::slice::from_raw_parts(args, count as usize) },
    };
    // SAFETY: as above.
    let argument = |at: usize| given.get(at).map(|value| unsafe { owned(ctx, *value) });
    if usage == Use::Searches {
        let is_long = given.first().is_some_and(|text| text_length(ctx, *text) > MAX_SEARCHED);
        let name = name.to_str()?;
        return match (is_long, argument(0), argument(1)) {
            (false, ..) | (true, None, _) => call(&this),
            (true, Some(text), None) => hooks.lists.call(("search", name, this, text)),
            (true, Some(text), Some(from)) => hooks.lists.call(("search", name, this, text, from)),
        };
    }
    let is_array = hooks.kinds.of(&this) == Kind::Array;
    if usage == Use::Fills && is_array {
        return call(&this);
    }
    let list = if is_array { this.clone() } else { hooks.list_of.call((this.clone(),))? };
    let length = check(ctx, hooks, &list, name)?;
    let answer = if usage.sorts() && argument(0).is_none_or(|order| order.is_undefined()) {
        sort(ctx, hooks, &list, length, method, usage)?
    } else if usage == Use::Joins && length > JOINED {
        let between = argument(0).unwrap_or_else(|| JsValue::new_undefined(ctx.clone()));
        hooks.lists.call(("joinLong", list.clone(), between))?
    } else {
        call(&list)?
    };
    if is_array || !usage.changes() {
        return Ok(answer);
    }
    let back = hooks.put_back.call((this, list, length as f64, usage == Use::Resizes))?;
    Ok(if usage == Use::Resizes { answer } else { back })
}

/// Sorts an array by texts. The engine does so at once where that takes no time.
fn sort<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    list: &JsValue<'js>,
    length: i64,
    method: &Function<'js>,
    usage: Use,
) -> Result<JsValue<'js>> {
    if length > PIECE {
        let name = if usage == Use::Sorts { "sortCopy" } else { "sortLong" };
        return hooks.lists.call((name, list.clone()));
    }
    if is_simple(ctx, list, length) {
        return method.call((rquickjs::function::This(list.clone()),));
    }
    let order: JsValue<'js> = hooks.lists.call(("comparison",))?;
    method.call((rquickjs::function::This(list.clone()), order))
}

/// Whether comparing an array's items takes no time: numbers, and texts that aren't long together.
fn is_simple(ctx: &Ctx<'_>, list: &JsValue<'_>, length: i64) -> bool {
    let (raw, mut characters) = (ctx.as_raw().as_ptr(), 0);
    (0..length).all(|place| {
        let mut item = qjs::JSPropertyDescriptor {
            flags: 0,
            value: qjs::JS_UNDEFINED,
            getter: qjs::JS_UNDEFINED,
            setter: qjs::JS_UNDEFINED,
        };
        // SAFETY: the context is alive; a number of this size is no text.
        let place = unsafe { qjs::JS_NewAtomUInt32(raw, place as u32) };
        // SAFETY: all are alive, and an array answers without running code.
        let found = unsafe { qjs::JS_GetOwnProperty(raw, &raw mut item, list.as_raw(), place) };
        // SAFETY: it isn't used any more.
        unsafe { qjs::JS_FreeAtom(raw, place) };
        if found != 1 {
            return found == 0;
        }
        // SAFETY: the reference was given with the description.
        let value = unsafe { JsValue::from_raw(ctx.clone(), item.value) };
        // SAFETY: as above.
        let accessors = [item.getter, item.setter]
            .map(|function| unsafe { JsValue::from_raw(ctx.clone(), function) });
        characters += text_length(ctx, value.as_raw());
        let is_plain = value.is_string() || value.is_number() || value.is_undefined();
        is_plain && accessors.iter().all(JsValue::is_undefined) && characters <= MAX_TEXT
    })
}

/// How long a text is; nothing else is any.
pub(super) fn text_length(ctx: &Ctx<'_>, value: qjs::JSValue) -> i64 {
    // SAFETY: it looks at the value's kind only.
    if !unsafe { qjs::JS_IsString(value) } {
        return 0;
    }
    let mut length = 0;
    // SAFETY: both are alive; a text's length is a property that runs no code.
    unsafe { qjs::JS_GetLength(ctx.as_raw().as_ptr(), value, &raw mut length) };
    length
}

/// Answers the length of an array. Refuses what isn't an array, or is too long: proxies and other objects could change their length after it was looked at.
fn check<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, list: &JsValue<'js>, name: &CStr) -> Result<i64> {
    let mut most = MAX_LENGTH;
    if hooks.kinds.of(list) == Kind::Array {
        let (raw, mut length) = (ctx.as_raw().as_ptr(), 0);
        // SAFETY: both are alive; an array's length is a property that runs no code.
        let done = unsafe { qjs::JS_GetLength(raw, list.as_raw(), &raw mut length) };
        if done == 0 && length <= MAX_LENGTH {
            if length <= MAX_MISSING || is_full(ctx, list, length) {
                return Ok(length);
            }
            most = MAX_MISSING;
        }
    }
    let (name, items) =
        (name.to_string_lossy(), if most == MAX_LENGTH { "" } else { ", if some are missing," });
    let message = format!("{name}() is supported for arrays of at most {most} items{items} only.");
    let error = Error::named(ErrorCode::InvalidArgument, "RangeError", message);
    Err(ctx.throw(error_to_js(ctx, hooks, &error)?))
}

/// Whether an array has all of its items, as far as can be told by some that nobody could know before.
fn is_full(ctx: &Ctx<'_>, list: &JsValue<'_>, length: i64) -> bool {
    let (raw, places) = (ctx.as_raw().as_ptr(), RandomState::new());
    (0..TRIED).all(|tried| {
        let place = places.hash_one(tried) % length as u64;
        // SAFETY: the context is alive; a number of this size is no text.
        let place = unsafe { qjs::JS_NewAtomUInt32(raw, place as u32) };
        // SAFETY: both are alive, and an array answers without running code.
        let found = unsafe { qjs::JS_GetOwnProperty(raw, null_mut(), list.as_raw(), place) };
        // SAFETY: it isn't used any more.
        unsafe { qjs::JS_FreeAtom(raw, place) };
        found == 1
    })
}

/// Gives the prelude, which replaces other functions itself, the means.
pub(super) fn give_replace<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    native.set("replace", function(ctx, replace_methods, c"replace", 2, 0)?)
}

/// Called by the prelude before there are hooks.
unsafe extern "C" fn replace_methods(
    ctx: *mut qjs::JSContext,
    _this: qjs::JSValue,
    _count: c_int,
    args: *mut qjs::JSValue,
    _number: c_int,
) -> qjs::JSValue {
    let Some(raw) = NonNull::new(ctx) else { return qjs::JS_EXCEPTION };
    // SAFETY: the engine calls this: it is alive, and this thread has entered its machine.
    let ctx = unsafe { Ctx::from_raw(raw) };
    // SAFETY: the engine gives a function as many arguments as its length says, which is two.
    let args = unsafe { std::slice::from_raw_parts(args, 2) };
    // SAFETY: the engine keeps both alive for the call.
    let [prototype, methods] = [0, 1].map(|at| unsafe { owned(&ctx, args[at]) });
    match replace(&ctx, &prototype, &methods) {
        // SAFETY: it is alive; the engine gets a reference of its own.
        Ok(originals) => unsafe { qjs::JS_DupValue(raw.as_ptr(), originals.as_raw()) },
        Err(error) => {
            raise(&ctx, error);
            qjs::JS_EXCEPTION
        }
    }
}

/// Puts methods in the place of those of the same names. Answers these, in an object that inherits nothing.
fn replace<'js>(
    ctx: &Ctx<'js>,
    prototype: &JsValue<'js>,
    methods: &JsValue<'js>,
) -> Result<JsValue<'js>> {
    let (Some(prototype), Some(methods)) = (prototype.as_object(), methods.as_object()) else {
        return Err(JsError::Unknown);
    };
    let originals = Object::new(ctx.clone())?;
    originals.set_prototype(None)?;
    for name in methods.own_keys::<Atom<'js>>(Filter::new().string().symbol()) {
        let name = name?;
        let original: Object<'js> = prototype.get(name.clone())?;
        let method: Object<'js> = methods.get(name.clone())?;
        let length: i32 = original.get(PredefinedAtom::Length)?;
        method.prop(PredefinedAtom::Length, Property::from(length).configurable())?;
        // As enumerable as the original.
        prototype.set(name.clone(), method)?;
        originals.set(name, original)?;
    }
    Ok(originals.into_value())
}
