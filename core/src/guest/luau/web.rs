//! The web classes of Luau guests and their conversion from and to Rust's.

use std::time::{SystemTime, UNIX_EPOCH};

use mlua::chunk::{ChunkMode, Compiler};
use mlua::{Function, LightUserData, Lua, LuaString, Table, Value};

use super::native::{error_from_mlua, error_to_lua, guest_stack, register};
use super::{bytes, json, urls};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::web::{HeaderList, check_length};
use crate::http::{Headers, Request, Response};

const SOURCE: &str = include_str!("web.luau");

/// What the prelude made: the globals of guests, and what Rust needs to know its instances.
pub(crate) struct WebApi {
    /// The globals by name, to be copied into the guest's environment.
    pub(crate) globals: Table,
    /// The metatable of tables that are maps even when they are empty.
    pub(crate) map_marker: Table,
    headers_metatable: Table,
    request_metatable: Table,
    response_metatable: Table,
    make_request: Function,
    make_response: Function,
}

/// Compiles the web classes.
pub(super) fn compile() -> Vec<u8> {
    compile_source(SOURCE)
}

/// Compiles source of ours, which is known to be right.
pub(super) fn compile_source(source: &str) -> Vec<u8> {
    let compiler = Compiler::new().set_optimization_level(1);
    compiler.compile(source).expect("the guest API compiles")
}

/// Registers the native functions, runs the compiled prelude and gives what it made.
///
/// `native.now_ms` is kept if it is there already, as a clock of the caller's.
pub(super) fn install(lua: &Lua, native: &Table, code: &[u8]) -> mlua::Result<WebApi> {
    let map_marker = lua.create_table()?;
    map_marker.raw_set("__metatable", "map")?;
    map_marker.set_readonly(true);
    let classes = lua.create_table()?;
    native.raw_set("map_marker", &map_marker)?;
    native.raw_set("classes", &classes)?;
    native.raw_set("kinds", lua.create_table()?)?;
    native.raw_set("null", Value::NULL)?;
    name_null(lua)?;

    register_natives(lua, native)?;
    bytes::register_natives(lua, native)?;
    json::register_natives(lua, native, &map_marker, &classes)?;
    urls::register_natives(lua, native)?;

    let made: Table =
        lua.load(code).set_name("=[facetbox]").set_mode(ChunkMode::Binary).call(native)?;
    Ok(WebApi {
        globals: made.raw_get("globals")?,
        map_marker,
        headers_metatable: made.raw_get("headers_metatable")?,
        request_metatable: made.raw_get("request_metatable")?,
        response_metatable: made.raw_get("response_metatable")?,
        make_request: made.raw_get("make_request")?,
        make_response: made.raw_get("make_response")?,
    })
}

/// Makes `tostring(null)` say so instead of giving an address.
fn name_null(lua: &Lua) -> mlua::Result<()> {
    let metatable = lua.create_table()?;
    metatable.raw_set("__tostring", lua.create_function(|_, ()| Ok("null"))?)?;
    metatable.raw_set("__metatable", "null")?;
    metatable.set_readonly(true);
    lua.set_type_metatable::<LightUserData>(Some(metatable));
    Ok(())
}

fn register_natives(lua: &Lua, native: &Table) -> mlua::Result<()> {
    // Luau itself can't freeze a table whose metatable is locked. Only the prelude calls this, and
    // for each instance, so it goes without the checks of `register`.
    let seal = lua.create_function(|_, (instance, metatable): (Table, Table)| {
        instance.set_metatable(Some(metatable))?;
        instance.set_readonly(true);
        Ok(instance)
    })?;
    native.raw_set("seal", seal)?;
    register(lua, native, "error", |lua, (name, message): (String, String)| {
        let error = Error::named(ErrorCode::InvalidArgument, name, message);
        error_to_lua(lua, error.with_stack(guest_stack(lua))).map_err(error_from_mlua)
    })?;
    register(lua, native, "header", |_, (name, value): (String, String)| {
        let mut headers = Headers::new();
        headers.append(&name, &value)?;
        let (name, value) = headers.iter().next().unwrap_or_default();
        Ok((name.to_owned(), value.to_owned()))
    })?;
    register(lua, native, "request", |_, (method, url): (String, String)| {
        check_length(url.len())?;
        let request = Request::new(&method, &url)?;
        Ok((request.method().to_owned(), request.url().to_owned()))
    })?;
    if native.raw_get::<Value>("now_ms")?.is_nil() {
        register(lua, native, "now_ms", |_, ()| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(now.as_millis() as f64)
        })?;
    }
    Ok(())
}

impl WebApi {
    /// Makes a `Request` of the guest; its URL is taken as it is.
    pub(crate) fn request_to_lua(&self, lua: &Lua, request: Request) -> mlua::Result<Table> {
        let list = headers_to_lua(lua, &request.headers)?;
        let body = body_to_lua(lua, request.body.as_deref())?;
        self.make_request.call((request.method(), request.url(), list, body))
    }

    /// Makes a `Response` of the guest.
    pub(crate) fn response_to_lua(&self, lua: &Lua, response: Response) -> mlua::Result<Table> {
        let list = headers_to_lua(lua, &response.headers)?;
        let body = body_to_lua(lua, response.body.as_deref())?;
        self.make_response.call((response.status(), list, body))
    }

    /// Takes a `Request` of the guest over, body included: the guest can't read it afterwards.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) if it is none or its body was used.
    pub(crate) fn request_from_lua(&self, _: &Lua, value: Value) -> Result<Request> {
        let instance = instance(&value, &self.request_metatable)
            .ok_or_else(|| wrong_type("a Request", &value))?;
        let mut request = Request::new(&string(&instance, "method")?, &string(&instance, "url")?)?;
        request.headers = self.headers_from_lua(&instance)?;
        request.body = take_body(&instance)?;
        Ok(request)
    }

    /// Takes a `Response` of the guest over, body included: the guest can't read it afterwards.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) if it is none or its body was used.
    pub(crate) fn response_from_lua(&self, _: &Lua, value: Value) -> Result<Response> {
        let instance = instance(&value, &self.response_metatable)
            .ok_or_else(|| wrong_type("a Response", &value))?;
        let status: u16 = instance.raw_get("status").map_err(error_from_mlua)?;
        let mut response = Response::new(status)?;
        response.headers = self.headers_from_lua(&instance)?;
        response.body = take_body(&instance)?;
        Ok(response)
    }

    /// Whether this is a `Response` of the guest.
    pub(crate) fn is_response(&self, value: &Value) -> bool {
        instance(value, &self.response_metatable).is_some()
    }

    fn headers_from_lua(&self, owner: &Table) -> Result<Headers> {
        let value: Value = owner.raw_get("headers").map_err(error_from_mlua)?;
        let instance = instance(&value, &self.headers_metatable)
            .ok_or_else(|| wrong_type("Headers", &value))?;
        let list: Table = instance.raw_get("_list").map_err(error_from_mlua)?;
        let mut headers = HeaderList::default();
        for at in (1..=list.raw_len()).step_by(2) {
            let name: LuaString = list.raw_get(at).map_err(error_from_mlua)?;
            let value: LuaString = list.raw_get(at + 1).map_err(error_from_mlua)?;
            headers.append(
                &name.to_str().map_err(error_from_mlua)?,
                &value.to_str().map_err(error_from_mlua)?,
            )?;
        }
        Ok(headers.finish())
    }
}

/// The table if it is an instance of the class with this metatable, which guests can't get at.
fn instance(value: &Value, metatable: &Table) -> Option<Table> {
    let table = value.as_table()?;
    let found = table.metatable()?;
    (found == *metatable).then(|| table.clone())
}

fn wrong_type(expected: &str, value: &Value) -> Error {
    Error::type_error(format!("Expected {expected}, got a value of type {}.", value.type_name()))
}

fn string(table: &Table, key: &str) -> Result<String> {
    table.raw_get(key).map_err(error_from_mlua)
}

fn headers_to_lua(lua: &Lua, headers: &Headers) -> mlua::Result<Table> {
    let list = lua.create_table_with_capacity(2 * headers.iter().len(), 0)?;
    for (at, (name, value)) in headers.iter().enumerate() {
        list.raw_set(2 * at + 1, name)?;
        list.raw_set(2 * at + 2, value)?;
    }
    Ok(list)
}

fn body_to_lua(lua: &Lua, body: Option<&[u8]>) -> mlua::Result<Option<LuaString>> {
    body.map(|body| lua.create_string(body)).transpose()
}

/// Takes the body and leaves it used, as reading it in the guest does.
fn take_body(owner: &Table) -> Result<Option<Vec<u8>>> {
    let take = || {
        let body: Table = owner.raw_get("_body")?;
        if body.raw_get("used")? {
            return Err(mlua::Error::external(Error::type_error(
                "Body has already been used. It can only be used once. \
                 Clone the request or response first if you need it twice.",
            )));
        }
        let data: Option<LuaString> = body.raw_get("data")?;
        let Some(data) = data else { return Ok(None) };
        body.raw_set("used", true)?;
        body.raw_set("data", Value::Nil)?;
        Ok(Some(data.as_bytes().to_vec()))
    };
    take().map_err(error_from_mlua)
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;
