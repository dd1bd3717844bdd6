//! Bounds on functions that take many numbers, which the engine makes of what it is given without a look at the guest's
//! limits: of texts, each of which may be long, and of items of lists.

#![expect(unsafe_code, reason = "functions of the engine's, and values that it lends")]

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use rquickjs::object::Property;
use rquickjs::{Ctx, Error as JsError, Exception, Function, Object, Result, Value as JsValue, qjs};

use super::bounds::text_length;
use super::entry::{answer, owned};
use super::kinds::Kind;
use super::vm::Hooks;

/// Characters of the texts that are made numbers of at once.
const MAX_TEXT: i64 = 1 << 20;

/// Functions that take any number of numbers, or many: where they are, their names, and how many parameters they have.
const NUMBERS: [(&str, &CStr, c_int); 6] = [
    ("Math", c"max", 2),
    ("Math", c"min", 2),
    ("Math", c"hypot", 2),
    ("String", c"fromCharCode", 1),
    ("String", c"fromCodePoint", 1),
    ("Date", c"UTC", 7),
];

/// The classes of typed arrays, in the order of the engine's numbers of them.
const TYPED: [&CStr; 12] = [
    c"Uint8ClampedArray",
    c"Int8Array",
    c"Uint8Array",
    c"Int16Array",
    c"Uint16Array",
    c"Int32Array",
    c"Uint32Array",
    c"BigInt64Array",
    c"BigUint64Array",
    c"Float16Array",
    c"Float32Array",
    c"Float64Array",
];

/// Replaces functions that take many numbers by ones that look at what they are given first.
pub(super) fn bound_numbers(ctx: &Ctx<'_>) -> Result<()> {
    for (number, (holder, name, length)) in NUMBERS.iter().enumerate() {
        let holder: Object<'_> = ctx.globals().get(*holder)?;
        let key = name.to_str()?;
        let original: JsValue<'_> = holder.get(key)?;
        let (raw, mut data) = (ctx.as_raw().as_ptr(), original.as_raw());
        // SAFETY: all are alive; the name is copied, and the function keeps a reference of its own to the original.
        let made = unsafe {
            qjs::JS_NewCFunctionData2(
                raw,
                Some(call),
                name.as_ptr(),
                *length,
                number as c_int,
                1,
                &raw mut data,
            )
        };
        // SAFETY: it is of this context, and the reference is given away.
        let made = unsafe { JsValue::from_raw(ctx.clone(), made) };
        if made.is_exception() {
            return Err(JsError::Exception);
        }
        // As enumerable as the original.
        holder.set(key, made)?;
    }
    Ok(())
}

/// Where the engine calls such a function. It is called often, so it goes without what natives have.
unsafe extern "C" fn call(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    args: *mut qjs::JSValue,
    number: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    if count > 1 {
        let Some(raw) = NonNull::new(ctx) else { return qjs::JS_EXCEPTION };
        // SAFETY: the engine gives so many values, which stay alive for the call.
        let args = unsafe { std::slice::from_raw_parts(args, count as usize) };
        // SAFETY: the engine calls this: it is alive, and this thread has entered its machine.
        let ctx = unsafe { Ctx::from_raw(raw) };
        if args.iter().map(|text| text_length(&ctx, *text)).sum::<i64>() > MAX_TEXT {
            let name = NUMBERS[number as usize].1.to_string_lossy();
            let message =
                format!("{name}() takes texts of at most {MAX_TEXT} characters together.");
            drop(Exception::throw_range(&ctx, &message));
            return qjs::JS_EXCEPTION;
        }
    }
    // SAFETY: the function has one value, which it keeps alive.
    let original = unsafe { *data };
    // SAFETY: all are alive for the call.
    unsafe { qjs::JS_Call(ctx, original, this, count, args) }
}

/// Replaces the classes of typed arrays by ones whose constructors look at what they are given. Answers the originals.
pub(super) fn bound_typed<'js>(ctx: &Ctx<'js>) -> Result<Vec<Function<'js>>> {
    TYPED.iter().enumerate().map(|(number, name)| bound(ctx, number, name)).collect()
}

fn bound<'js>(ctx: &Ctx<'js>, number: usize, name: &CStr) -> Result<Function<'js>> {
    let key = name.to_str()?;
    let original: Object<'js> = ctx.globals().get(key)?;
    let code = qjs::JSCFunctionType { constructor_magic: Some(make) };
    // SAFETY: all functions of the engine have one representation; which of them it is, is told below.
    let code = unsafe { code.generic };
    let (raw, kind) = (ctx.as_raw().as_ptr(), qjs::JSCFunctionEnum_JS_CFUNC_constructor_magic);
    // SAFETY: the context is alive; the name is copied.
    let made = unsafe { qjs::JS_NewCFunction2(raw, code, name.as_ptr(), 3, kind, number as c_int) };
    // SAFETY: it is of this context, and the reference is given away.
    let made = unsafe { JsValue::from_raw(ctx.clone(), made) };
    let class = made.as_object().ok_or(JsError::Exception)?.clone();
    class.set_prototype(original.get_prototype().as_ref())?;
    let prototype: Object<'js> = original.get("prototype")?;
    for constant in ["prototype", "BYTES_PER_ELEMENT"] {
        class.prop(constant, Property::from(original.get::<_, JsValue<'js>>(constant)?))?;
    }
    prototype.prop("constructor", Property::from(class.clone()).writable().configurable())?;
    ctx.globals().prop(key, Property::from(class).writable().configurable())?;
    original.into_value().into_function().ok_or(JsError::Unknown)
}

/// Where the engine calls such a constructor.
unsafe extern "C" fn make(
    ctx: *mut qjs::JSContext,
    target: qjs::JSValue,
    count: c_int,
    args: *mut qjs::JSValue,
    number: c_int,
) -> qjs::JSValue {
    // SAFETY: the engine calls this, and keeps `target` and so many arguments alive for the call.
    unsafe { answer(ctx, |ctx, hooks| make_checked(ctx, hooks, target, (count, args), number)) }
}

fn make_checked<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    target: qjs::JSValue,
    (count, args): (c_int, *mut qjs::JSValue),
    number: c_int,
) -> Result<JsValue<'js>> {
    let original = &hooks.typed[number as usize];
    if count > 0 {
        // SAFETY: `make` has them from the engine, which gives so many.
        let source = unsafe { *args };
        // SAFETY: it is kept alive for the call.
        let source = unsafe { owned(ctx, source) };
        if source.is_object() && converts(hooks, &source, number) {
            // SAFETY: as above.
            let target = unsafe { owned(ctx, target) };
            return hooks.lists.call(("typedOf", original.clone(), target, source));
        }
    }
    let raw = ctx.as_raw().as_ptr();
    // SAFETY: all are alive for the call.
    let made = unsafe { qjs::JS_CallConstructor2(raw, original.as_raw(), target, count, args) };
    // SAFETY: it is of this context, and the reference is given away.
    let made = unsafe { JsValue::from_raw(ctx.clone(), made) };
    if made.is_exception() { Err(JsError::Exception) } else { Ok(made) }
}

/// Whether the engine would convert the items of an object one by one.
fn converts(hooks: &Hooks<'_>, source: &JsValue<'_>, number: c_int) -> bool {
    // SAFETY: the value is alive; what is no typed array gives a negative number.
    let typed = unsafe { qjs::JS_GetTypedArrayType(source.as_raw()) };
    typed != number && hooks.kinds.of(source) != Kind::Buffer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::js::vm::Vm;
    use crate::guest::pool;

    #[test]
    fn the_classes_of_typed_arrays_are_in_the_order_of_their_numbers() {
        let runtime = crate::Runtime::open_in_memory().unwrap();
        let vm = pool::take::<Vm>(runtime.inner()).unwrap();
        vm.run(|ctx, hooks| {
            for (number, class) in hooks.typed.iter().enumerate() {
                let name: String = class.get("name").unwrap();
                let made: JsValue<'_> = ctx.eval(format!("new {name}(3)")).unwrap();
                // SAFETY: the value is alive.
                assert_eq!(unsafe { qjs::JS_GetTypedArrayType(made.as_raw()) }, number as c_int);
            }
        });
    }
}
