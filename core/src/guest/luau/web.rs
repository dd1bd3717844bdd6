//! The web classes of Luau guests and their conversion from and to Rust's.

use std::sync::{Arc, OnceLock};

use mlua::chunk::{ChunkMode, Compiler};
use mlua::{FromLuaMulti, Function, IntoLuaMulti, LightUserData, Lua, LuaString, Table, Value};

use super::errors::{error_from_mlua, error_to_lua};
use super::messages::{self, Parts};
use super::native::{Natives, register};
use super::stack::text;
use super::trace::guest_stack;
use super::{bytes, json, urls};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::web::check_length;
use crate::http::{Headers, Request, Response};

/// The globals of guests.
pub(crate) struct WebApi {
    /// The globals by name, to be copied into the guest's environment.
    pub(crate) globals: Table,
    /// The metatable of tables that are maps even when they are empty.
    pub(crate) map_marker: Table,
    classes: Arc<Classes>,
}

/// The web classes, which many guests never use.
struct Classes {
    code: Arc<[u8]>,
    native: Table,
    /// What their code shares with that of the other globals.
    tools: Table,
    /// The globals of guests, where the classes are empty at first.
    globals: Table,
    /// What code of ours sees as its globals, out of a guest's reach.
    environment: Table,
    loaded: OnceLock<Loaded>,
}

/// What Rust makes instances of the web classes with, and knows them by.
struct Loaded {
    headers_metatable: Table,
    request_metatable: Table,
    response_metatable: Table,
    make_headers: Function,
    make_request: Function,
    make_response: Function,
}

/// The globals, compiled.
pub(super) struct WebCode {
    plain: Vec<u8>,
    classes: Arc<[u8]>,
}

impl WebCode {
    pub fn compile() -> WebCode {
        WebCode {
            plain: compile_source(include_str!("plain.luau")),
            classes: compile_source(include_str!("web.luau")).into(),
        }
    }
}

/// Compiles source of ours, which is known to be right. Nobody is shown its places, which every machine would keep.
pub(super) fn compile_source(source: &str) -> Vec<u8> {
    let compiler = Compiler::new().set_optimization_level(1).set_debug_level(0);
    compiler.compile(source).expect("the guest API compiles")
}

/// Runs the compiled prelude and gives what it made. `native` is a table of all natives.
pub(super) fn install(lua: &Lua, native: &Table, code: &WebCode) -> mlua::Result<WebApi> {
    let map_marker = lua.create_table()?;
    map_marker.raw_set("__metatable", "map")?;
    map_marker.set_readonly(true);
    let classes = lua.create_table()?;
    native.raw_set("map_marker", &map_marker)?;
    native.raw_set("classes", &classes)?;
    native.raw_set("kinds", lua.create_table()?)?;
    native.raw_set("null", Value::NULL)?;
    name_null(lua)?;

    native.raw_set("seal", seal(lua)?)?;

    let made: Table = run(lua, &code.plain, &lua.globals(), native)?;
    let classes = Arc::new(Classes {
        code: code.classes.clone(),
        native: native.clone(),
        tools: made.raw_get("tools")?,
        globals: made.raw_get("globals")?,
        environment: lua.globals(),
        loaded: OnceLock::new(),
    });
    let late = classes.clone();
    register(lua, native, "load_web", move |lua, ()| {
        late.load(lua).map(drop).map_err(error_from_mlua)
    })?;
    Ok(WebApi { globals: classes.globals.clone(), map_marker, classes })
}

/// Runs code of ours.
pub(super) fn run<R: FromLuaMulti>(
    lua: &Lua,
    code: &[u8],
    environment: &Table,
    args: impl IntoLuaMulti,
) -> mlua::Result<R> {
    let chunk = lua.load(code).set_name("=[facetbox]").set_mode(ChunkMode::Binary);
    chunk.set_environment(environment.clone()).call(args)
}

impl Classes {
    /// Loads the classes unless they are there. One that fails leaves nothing behind.
    fn load(&self, lua: &Lua) -> mlua::Result<&Loaded> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let made: Table = run(lua, &self.code, &self.environment, (&self.native, &self.tools))?;
        let loaded = Loaded {
            headers_metatable: made.raw_get("headers_metatable")?,
            request_metatable: made.raw_get("request_metatable")?,
            response_metatable: made.raw_get("response_metatable")?,
            make_headers: made.raw_get("make_headers")?,
            make_request: made.raw_get("make_request")?,
            make_response: made.raw_get("make_response")?,
        };
        made.raw_get::<Table>("classes")?.for_each(|name: String, members: Table| {
            fill(&self.globals.raw_get(name)?, &members)
        })?;
        Ok(self.loaded.get_or_init(|| loaded))
    }
}

/// Gives an empty class its members; from then on it is a plain table.
fn fill(class: &Table, members: &Table) -> mlua::Result<()> {
    class.set_readonly(false);
    members.for_each(|name: Value, member: Value| class.raw_set(name, member))?;
    class.set_metatable(None)?;
    class.set_readonly(true);
    Ok(())
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

/// Luau itself can't freeze a table whose metatable is locked. Only the prelude calls this, and for each instance, so it goes
/// without the checks of other natives.
fn seal(lua: &Lua) -> mlua::Result<Function> {
    lua.create_function(|_, (instance, metatable): (Table, Table)| {
        instance.set_metatable(Some(metatable))?;
        instance.set_readonly(true);
        Ok(instance)
    })
}

/// Adds what the prelude calls of this, but for `now_ms`.
pub(super) fn add_natives(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("error", |lua, (name, message): (String, String)| {
        let error = Error::named(ErrorCode::InvalidArgument, name, message);
        error_to_lua(lua, error.with_stack(guest_stack(lua))).map_err(error_from_mlua)
    })?;
    natives.add("header", |_, (name, value): (String, String)| {
        let mut headers = Headers::new();
        headers.append(&name, &value)?;
        let (name, value) = headers.iter().next().unwrap_or_default();
        Ok((name.to_owned(), value.to_owned()))
    })?;
    natives.add("request", |_, (method, url): (String, String)| {
        check_length(url.len())?;
        let (method, url) = Request::line(&method, &url)?;
        Ok((method, String::from(url)))
    })?;
    bytes::add_natives(natives)?;
    json::add_natives(natives)?;
    urls::add_natives(natives)
}

impl WebApi {
    /// What all parts of the prelude check and throw with.
    pub fn tools(&self) -> &Table {
        &self.classes.tools
    }

    /// Makes `Headers` of the guest.
    pub(crate) fn headers_to_lua(&self, lua: &Lua, headers: &Headers) -> mlua::Result<Table> {
        let list = messages::header_list(lua, headers)?;
        self.classes.load(lua)?.make_headers.call(list)
    }

    /// Makes a `Request` of the guest; its URL is taken as it is. `redirect` says what is done with redirects if the
    /// guest sends it on: "follow" or "manual".
    pub(crate) fn request_to_lua(
        &self,
        lua: &Lua,
        request: &Request,
        redirect: &str,
    ) -> mlua::Result<Table> {
        let list = messages::header_list(lua, &request.headers)?;
        let body = body_to_lua(lua, request.body.as_deref())?;
        let parts = (request.method(), request.url(), list, body, redirect);
        self.classes.load(lua)?.make_request.call(parts)
    }

    /// Makes a `Response` of the guest.
    pub(crate) fn response_to_lua(&self, lua: &Lua, response: &Response) -> mlua::Result<Table> {
        let list = messages::header_list(lua, &response.headers)?;
        let body = body_to_lua(lua, response.body.as_deref())?;
        let parts = (response.status(), list, body, response.status_text());
        self.classes.load(lua)?.make_response.call(parts)
    }

    /// Takes a `Request` of the guest over, body included: the guest can't read it afterwards.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) if it is none or its body was used.
    pub(crate) fn request_from_lua(&self, lua: &Lua, value: Value) -> Result<Request> {
        let parts = self.take(lua, &value, "a Request", |classes| &classes.request_metatable)?;
        let mut request = Request::new(&parts.method, &parts.url)?;
        (request.headers, request.body) = (parts.headers.finish(), parts.body);
        Ok(request)
    }

    /// Takes a `Response` of the guest over, body included: the guest can't read it afterwards.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) if it is none or its body was used.
    pub(crate) fn response_from_lua(&self, lua: &Lua, value: Value) -> Result<Response> {
        let parts = self.take(lua, &value, "a Response", |classes| &classes.response_metatable)?;
        // A number that is none of a status saturates at one that is none, too.
        let mut response =
            Response::new(parts.status as u16)?.with_status_text(parts.status_text)?;
        (response.headers, response.body) = (parts.headers.finish(), parts.body);
        Ok(response)
    }

    /// Takes over a `Request`, a `Response` or `Headers` of the guest; nothing for any other table.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) if its body was used.
    pub(crate) fn message_from_lua(
        &self,
        lua: &Lua,
        table: &Table,
    ) -> Result<Option<crate::value::Value>> {
        let (Some(loaded), Some(metatable)) = (self.classes.loaded.get(), table.metatable()) else {
            return Ok(None);
        };
        let value = || Value::Table(table.clone());
        Ok(if metatable == loaded.request_metatable {
            Some(self.request_from_lua(lua, value())?.into())
        } else if metatable == loaded.response_metatable {
            Some(self.response_from_lua(lua, value())?.into())
        } else if metatable == loaded.headers_metatable {
            Some(messages::headers(lua, table, &loaded.headers_metatable)?.into())
        } else {
            None
        })
    }

    fn take(
        &self,
        lua: &Lua,
        value: &Value,
        expected: &str,
        class: impl Fn(&Loaded) -> &Table,
    ) -> Result<Parts> {
        let instance = self.instance(value, class).ok_or_else(|| wrong_type(expected, value))?;
        let loaded = self.classes.load(lua).map_err(error_from_mlua)?;
        messages::take(lua, &instance, &loaded.headers_metatable)
    }

    /// Whether this is a `Response` of the guest.
    pub(crate) fn is_response(&self, value: &Value) -> bool {
        self.instance(value, |classes| &classes.response_metatable).is_some()
    }

    /// The table if it is an instance of the class with this metatable, which guests can't get at.
    fn instance(&self, value: &Value, class: impl Fn(&Loaded) -> &Table) -> Option<Table> {
        let (table, classes) = (value.as_table()?, self.classes.loaded.get()?);
        let found = table.metatable()?;
        (found == *class(classes)).then(|| table.clone())
    }
}

fn wrong_type(expected: &str, value: &Value) -> Error {
    Error::type_error(format!("Expected {expected}, got a value of type {}.", value.type_name()))
}

fn body_to_lua(lua: &Lua, body: Option<&[u8]>) -> mlua::Result<Option<LuaString>> {
    body.map(|body| text(lua, body)).transpose()
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;
