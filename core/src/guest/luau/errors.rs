//! How errors become Luau values and back.

use mlua::{Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods, Value};

use super::exhaustion::Exhaustion;
use super::guard;
use crate::error::{Error, ErrorCode, TEXT_BYTES};
use crate::value::Value as Cause;

/// Longest error name that is taken over from a guest.
const NAME_BYTES: usize = 256;
/// Causes of causes that are taken over from a guest.
const MAX_CAUSES: usize = 8;
/// Errors and names of ids with more text than this are charged to the guest's memory.
pub(crate) const FREE_BYTES: usize = 512;

/// An error as guests see it: read-only `name`, `message`, `stack`, `code` and `cause`.
pub(crate) struct LuaError(pub(crate) Error);

impl UserData for LuaError {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("name", |lua, this| lua.create_string(this.0.name()));
        fields.add_field_method_get("message", |lua, this| lua.create_string(this.0.message()));
        fields.add_field_method_get("stack", |lua, this| {
            lua.create_string(this.0.stack().unwrap_or_default())
        });
        fields.add_field_method_get("code", |lua, this| lua.create_string(this.0.code().name()));
        fields.add_field_method_get("cause", |lua, this| match this.0.cause() {
            Some(Cause::Error(cause)) => error_to_lua(lua, cause.clone()),
            Some(Cause::String(text)) => Ok(Value::String(lua.create_string(text)?)),
            _ => Ok(Value::Nil),
        });
        fields.add_meta_field(MetaMethod::Type, "Error");
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.0.to_string()));
    }
}

/// Makes the value that guests catch.
///
/// The text lives on the host's heap, so a buffer of its size is tied to the value: a guest that
/// hoards errors with long messages runs into its own memory limit.
pub(crate) fn error_to_lua(lua: &Lua, error: Error) -> mlua::Result<Value> {
    let bytes = error.message().len()
        + error.stack().map_or(0, str::len)
        + error.cause().map_or(0, Cause::size);
    let userdata = lua.create_userdata(LuaError(error.lent()))?;
    if bytes > FREE_BYTES {
        userdata.set_user_value(lua.create_buffer_with_capacity(bytes)?)?;
    }
    Ok(Value::UserData(userdata))
}

/// Turns anything that was thrown into an error, without running guest code.
pub(crate) fn error_from_lua(value: Value) -> Error {
    match value {
        Value::UserData(userdata) => match userdata.borrow::<LuaError>() {
            Ok(error) => error.0.clone().recalled(),
            Err(_) => thrown("userdata"),
        },
        Value::Error(error) => error_from_mlua(*error),
        Value::String(text) => error_from_text(cut(&text.as_bytes(), TEXT_BYTES)),
        Value::Table(table) => error_from_table(&table, 0),
        other => thrown(other.type_name()),
    }
}

/// Turns a failure of the engine into an error; one of ours that passed through it comes out again.
pub(crate) fn error_from_mlua(error: mlua::Error) -> Error {
    match error {
        mlua::Error::CallbackError { cause, .. }
        | mlua::Error::WithContext { cause, .. }
        | mlua::Error::BadArgument { cause, .. } => error_from_mlua((*cause).clone()),
        mlua::Error::ExternalError(cause) => match cause.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => Error::guest("Error", cut(cause.to_string().as_bytes(), TEXT_BYTES)),
        },
        mlua::Error::MemoryError(_) => {
            guard::refused_memory();
            Error::new(ErrorCode::LimitMemory, "not enough memory")
        }
        mlua::Error::StackError => stack_error(),
        mlua::Error::RuntimeError(text) => error_from_text(cut(text.as_bytes(), TEXT_BYTES)),
        mlua::Error::SyntaxError { message, .. } => {
            Error::new(ErrorCode::LoadError, cut(message.as_bytes(), TEXT_BYTES))
        }
        conversion @ mlua::Error::FromLuaConversionError { .. } => argument_error(conversion),
        other => Error::guest("Error", cut(other.to_string().as_bytes(), TEXT_BYTES)),
    }
}

pub(super) fn argument_error(error: mlua::Error) -> Error {
    match error {
        mlua::Error::FromLuaConversionError { from, to, message } => {
            let to = match to.as_str() {
                "&str" | "String" => "text in UTF-8".to_owned(),
                to => to.to_lowercase(),
            };
            let mut text = format!("Wrong argument: expected {to}, got {from}");
            if let Some(message) = message {
                text = format!("{text} ({message})");
            }
            Error::type_error(text + ".")
        }
        mlua::Error::BadArgument { cause, .. } => argument_error((*cause).clone()),
        other => error_from_mlua(other),
    }
}

/// Luau reports that it is out of stack as plain text, which counts only if it has been.
fn error_from_text(text: String) -> Error {
    match Exhaustion::claimed_by(text.as_bytes()) {
        Some(Exhaustion::Stack) if guard::is_out_of_stack() => stack_error(),
        _ => Error::guest("Error", text),
    }
}

fn error_from_table(table: &Table, depth: usize) -> Error {
    let field = |key: &str, limit| match table.raw_get(key) {
        Ok(Value::String(text)) => Some(cut(&text.as_bytes(), limit)),
        _ => None,
    };
    let (name, message) = (field("name", NAME_BYTES), field("message", TEXT_BYTES));
    if name.is_none() && message.is_none() {
        return thrown("table");
    }
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Error".to_owned());
    let error = Error::guest(name, message.unwrap_or_default());
    let error = match field("stack", TEXT_BYTES) {
        Some(stack) => error.with_stack(stack),
        None => error,
    };
    match table.raw_get("cause").ok().and_then(|cause| cause_from_lua(&cause, depth)) {
        Some(cause) => error.with_cause(cause),
        None => error,
    }
}

/// What a thrown table names as its cause: an error or text.
fn cause_from_lua(cause: &Value, depth: usize) -> Option<Cause> {
    match cause {
        Value::String(text) => Some(Cause::String(cut(&text.as_bytes(), TEXT_BYTES))),
        Value::UserData(userdata) => {
            Some(Cause::Error(userdata.borrow::<LuaError>().ok()?.0.clone()))
        }
        Value::Table(table) if depth < MAX_CAUSES => {
            Some(Cause::Error(error_from_table(table, depth + 1)))
        }
        _ => None,
    }
}

fn thrown(type_name: &str) -> Error {
    Error::guest("Error", format!("{type_name} value was thrown"))
}

fn stack_error() -> Error {
    Error::new(ErrorCode::LimitStack, "stack overflow")
}

/// At most `limit` bytes as text; invalid UTF-8 is replaced.
fn cut(bytes: &[u8], limit: usize) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]).into_owned();
    truncate(&mut text, limit);
    text
}

fn truncate(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thrown_by(code: &str) -> Error {
        let lua = Lua::new();
        let code = format!("local ran = 0 local _, e = pcall(function() {code} end) return e");
        error_from_lua(lua.load(code).set_name("=main").eval().unwrap())
    }

    #[test]
    fn thrown_values_become_errors() {
        assert_eq!(thrown_by("error('x', 0)"), Error::guest("Error", "x"));
        assert_eq!(thrown_by("error('x')"), Error::guest("Error", "main:1: x"));
        assert_eq!(
            thrown_by("error({ name = 'RangeError', message = 'm', stack = 's' })").stack(),
            Some("s")
        );
        assert_eq!(
            thrown_by("error({ name = 'RangeError', message = 'm' })"),
            Error::guest("RangeError", "m")
        );
        assert_eq!(thrown_by("error({ message = 'm' })"), Error::guest("Error", "m"));
        let caused = thrown_by("error({ message = 'm', cause = { name = 'E', message = 'c' } })");
        assert_eq!(caused.cause(), Some(&Cause::Error(Error::guest("E", "c"))));
        let endless = thrown_by("local e = { message = 'm' } e.cause = e error(e)");
        let causes = std::iter::successors(Some(&endless), |error| match error.cause() {
            Some(Cause::Error(cause)) => Some(cause),
            _ => None,
        });
        assert!(causes.count() < 20);
        assert_eq!(thrown_by("error({})"), Error::guest("Error", "table value was thrown"));
        assert_eq!(thrown_by("error(nil)"), Error::guest("Error", "nil value was thrown"));
        assert_eq!(thrown_by("error(print)"), Error::guest("Error", "function value was thrown"));
    }

    #[test]
    fn metamethods_of_thrown_tables_are_not_run() {
        let trap = "local function trap() while true do end end
            error(setmetatable({}, { __index = trap, __tostring = trap, __len = trap }))";
        assert_eq!(thrown_by(trap), Error::guest("Error", "table value was thrown"));
    }

    #[test]
    fn long_text_is_cut() {
        let error = thrown_by("error(string.rep('é', 100000), 0)");
        assert!(error.message().len() <= TEXT_BYTES + 3);
        assert!(thrown_by("error({ name = string.rep('n', 9999) })").name().len() <= NAME_BYTES);
    }

    #[test]
    fn texts_of_the_engine_are_no_limits_by_themselves() {
        for text in ["stack overflow", "not enough memory"] {
            assert_eq!(thrown_by(&format!("error('{text}', 0)")), Error::guest("Error", text));
        }
        let lua = Lua::new();
        lua.set_memory_limit(4 << 20).unwrap();
        let full = lua.load("return string.rep('x', 8000000)").eval::<Value>();
        assert_eq!(error_from_mlua(full.unwrap_err()).code(), ErrorCode::LimitMemory);
    }
}
