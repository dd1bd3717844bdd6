//! How errors become JavaScript values and back.

use rquickjs::function::This;
use rquickjs::{Array, Ctx, Object, Value as JsValue};

use super::kinds::Kind;
use super::native::{Cap, Handle, HeldError, length, set_own};
use super::read;
use super::vm::Hooks;
use super::{api, give};
use crate::error::{Error, ErrorCode, TEXT_BYTES};
use crate::value::{Value, ValueMap};
use std::sync::Arc;

/// Longest error name that is taken over from a guest.
const NAME_BYTES: usize = 256;
/// The most that the cause and the own properties of an error may take.
pub(super) const CARRIED_BYTES: u64 = 64 << 10;

/// Errors with more text than this are charged to the guest's memory.
pub(super) const FREE_BYTES: usize = 512;

/// What the engine says when it is out of stack; guests can say it, too.
const NO_STACK: &str = "Maximum call stack size exceeded";

/// The own properties of an error that crosses from guest to guest.
struct Fields(ValueMap);

/// A failure of the engine outside of guest code.
pub(super) fn internal(error: rquickjs::Error) -> Error {
    Error::new(ErrorCode::Panic, format!("JavaScript engine: {error}"))
}

/// Makes the value that guests catch.
pub(super) fn error_to_js<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    error: &Error,
) -> rquickjs::Result<JsValue<'js>> {
    let stack = error.stack().map(js_stack);
    // What workerd throws, too, has no code there, which programs may show or take for a status.
    let is_plain = |code: &ErrorCode| {
        matches!(code, ErrorCode::GuestError | ErrorCode::InvalidArgument | ErrorCode::Storage)
    };
    let code = Some(error.code()).filter(|code| !is_plain(code)).map(|code| code.name());
    let fields = error.host_exception().and_then(|any| any.downcast_ref::<Fields>());
    let fields = fields.map(|fields| give::map(ctx, hooks, &fields.0)).transpose()?;
    let cause = Array::new(ctx.clone())?;
    if let Some(value) = error.cause() {
        set_own(&cause, 0, give::value(ctx, hooks, value)?)?;
    }
    let held = HeldError::new(ctx, &hooks.shared, error.clone());
    let original = Cap::make(ctx, Handle::Error(held))?;
    let made = hooks.kinds.make_error(ctx)?;
    set_own(&made, "message", error.message())?;
    hooks.make_error.call((made, error.name(), stack, code, original, fields, cause))
}

/// Takes the exception that is pending, or tells what the engine's binding says.
pub(super) fn caught<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, error: rquickjs::Error) -> Error {
    match error {
        rquickjs::Error::Exception => {
            let thrown = ctx.catch();
            note_place(ctx, hooks, &thrown);
            error_from_js(ctx, hooks, &thrown)
        }
        rquickjs::Error::Utf8(_) => lone_surrogate(),
        rquickjs::Error::Resolving { message, .. } | rquickjs::Error::Loading { message, .. } => {
            Error::named(ErrorCode::LoadError, "Error", message.unwrap_or_default())
        }
        other => Error::guest("Error", cut(&other.to_string(), TEXT_BYTES)),
    }
}

/// Notes where a guest was that has to end, of the error that ends it.
pub(super) fn note_place<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, thrown: &JsValue<'js>) {
    let guard = &hooks.shared.guard;
    if guard.is_stopped() && thrown.is_error() {
        // The engine's own getter: no code of the guest runs.
        let stack = || hooks.engine_stack.call::<_, String>((This(thrown.clone()),));
        match guard.after_all(stack) {
            Ok(stack) => guard.note_place(core_stack(&stack)),
            Err(_) => drop(ctx.catch()),
        }
    }
}

pub(super) fn lone_surrogate() -> Error {
    Error::new(
        ErrorCode::ValueError,
        "A string with a lone surrogate could not be cloned: it isn't valid Unicode.",
    )
}

/// Turns anything that was thrown into an error.
pub(super) fn error_from_js<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    thrown: &JsValue<'js>,
) -> Error {
    error_within(ctx, hooks, thrown, &mut Carried { left: CARRIED_BYTES, depth: 0 })
}

/// What an error may still carry beside its texts, and how many errors it is inside of.
pub(super) struct Carried {
    pub left: u64,
    pub depth: usize,
}

/// Turns anything that was thrown into an error; takes what that carries off `carried`.
pub(super) fn error_within<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    thrown: &JsValue<'js>,
    carried: &mut Carried,
) -> Error {
    if !matches!(hooks.kinds.of(thrown), Kind::Error | Kind::Object) {
        return Error::guest("Error", thrown_text(ctx, hooks, thrown));
    }
    match parts(hooks, thrown) {
        Ok(parts) => parts.into_error(ctx, hooks, carried),
        Err(_) => {
            ctx.catch();
            Error::guest("Error", "an error that can't be read was thrown")
        }
    }
}

fn thrown_text<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, thrown: &JsValue<'js>) -> String {
    if let Some(text) = thrown.as_string() {
        return text.to_string().map_or_else(
            |_| "text that isn't valid Unicode".to_owned(),
            |text| cut(&text, TEXT_BYTES),
        );
    }
    if thrown.is_object() {
        let name = hooks.class_name.call::<_, String>((thrown.clone(),)).unwrap_or_else(|_| {
            ctx.catch();
            "Object".to_owned()
        });
        return format!("A value of type {} was thrown", cut(&name, NAME_BYTES));
    }
    let text = thrown.get::<rquickjs::Coerced<String>>();
    text.map_or_else(
        |_| {
            ctx.catch();
            format!("a {} was thrown", thrown.type_name())
        },
        |text| text.0,
    )
}

/// What the prelude reads from an error.
struct Parts<'js> {
    name: String,
    message: String,
    stack: String,
    original: Option<Error>,
    fields: Option<Object<'js>>,
    cause: Option<JsValue<'js>>,
}

fn parts<'js>(hooks: &Hooks<'js>, thrown: &JsValue<'js>) -> rquickjs::Result<Parts<'js>> {
    let parts: Array<'js> = hooks.error_parts.call((thrown.clone(),))?;
    let original: JsValue<'js> = parts.get(3)?;
    let original = Cap::of(&original).and_then(|handle| match handle {
        Handle::Error(held) => Some(held.error),
        _ => None,
    });
    Ok(Parts {
        name: parts.get(0)?,
        message: parts.get(1)?,
        stack: parts.get(2)?,
        original,
        fields: parts.get(4)?,
        cause: if length(&parts)? > 5 { Some(parts.get(5)?) } else { None },
    })
}

impl<'js> Parts<'js> {
    fn into_error(self, ctx: &Ctx<'js>, hooks: &Hooks<'js>, carried: &mut Carried) -> Error {
        if let Some(error) = self.original
            && error.name() == self.name
            && error.message() == self.message
        {
            // Within others nobody is told of it.
            let error = if carried.depth == 0 { error.recalled() } else { error };
            return error.with_stack(core_stack(&self.stack));
        }
        let name = cut(&self.name, NAME_BYTES);
        let message = cut(&self.message, TEXT_BYTES);
        let stack = core_stack(&self.stack);
        if name == "RangeError" && message == NO_STACK && is_out_of_stack(ctx) {
            return Error::new(ErrorCode::LimitStack, message).with_stack(stack);
        }
        let code = match name.as_str() {
            "DataCloneError" => ErrorCode::ValueError,
            _ => ErrorCode::GuestError,
        };
        let mut error = Error::named(code, name, message).with_stack(stack);
        // What can't be copied, or is too much, isn't there for others.
        if let Some(cause) = self.cause.and_then(|cause| read::carried(ctx, hooks, &cause, carried))
        {
            error = error.with_cause(cause);
        }
        let fields = self.fields.map(Object::into_value);
        match fields.and_then(|fields| read::carried(ctx, hooks, &fields, carried)) {
            Some(Value::Map(mut fields)) => {
                // These say what became of an event, and that nobody but the runtime does.
                fields.remove("durableObjectReset");
                if fields.get("code").and_then(Value::as_str).is_some_and(is_limit) {
                    fields.remove("code");
                }
                error.with_host(Arc::new(Fields(fields)))
            }
            _ => error,
        }
    }
}

fn is_limit(code: &str) -> bool {
    code.starts_with("LIMIT_")
}

/// Whether the engine has been out of stack.
fn is_out_of_stack(ctx: &Ctx<'_>) -> bool {
    api::shared(ctx).is_some_and(|shared| shared.guard.is_out_of_stack())
}

/// The stack as hosts see it: `module:line:column` and the function's name on each line, without the
/// frames of the prelude and of native functions, and without places in what was parsed.
fn core_stack(text: &str) -> String {
    let mut stack = String::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("at ");
        let (name, place) = match line.split_once(" (") {
            Some((name, place)) => (name, place.trim_end_matches(')')),
            None => ("", line),
        };
        if place == "native" || place.is_empty() || is_prelude(place) {
            continue;
        }
        if !stack.is_empty() {
            stack.push('\n');
        }
        stack.push_str(place);
        if !name.is_empty() && name != "<anonymous>" {
            stack.push(' ');
            stack.push_str(name);
        }
    }
    cut(&stack, TEXT_BYTES)
}

fn is_prelude(place: &str) -> bool {
    // Its code has no places of its own; as the caller of others it may have the name of a module.
    place.starts_with("<null>")
        || place.starts_with("<input>")
        || place.starts_with("facetbox:")
        || place.starts_with("cloudflare:")
}

/// The same stack as JavaScript writes it.
fn js_stack(text: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((place, name)) => format!("    at {name} ({place})\n"),
        None => format!("    at {line}\n"),
    };
    text.lines().map(line).collect()
}

/// At most `limit` bytes of a text.
pub(super) fn cut(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}
