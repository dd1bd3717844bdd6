//! Native functions behind `URL` and `URLSearchParams`.

use ::url::{Url, form_urlencoded, quirks};
use mlua::{Lua, LuaString, Table};

use super::native::{error_from_mlua, register};
use crate::error::{Error, Result};

/// Longest URL or query that is parsed.
const URL_BYTES: usize = 1 << 20;
/// Longest query that is written.
const QUERY_BYTES: usize = 32 << 20;

pub(super) fn register_natives(lua: &Lua, native: &Table) -> mlua::Result<()> {
    register(lua, native, "url_parse", |lua, (text, base): (String, Option<String>)| {
        parts(lua, &parse(&text, base.as_deref())?)
    })?;
    register(lua, native, "url_set", |lua, (href, part, value): (String, String, String)| {
        let mut url = parse(&href, None)?;
        set(&mut url, &part, &value)?;
        parts(lua, &url)
    })?;
    register(lua, native, "query_parse", |lua, text: LuaString| {
        let bytes = text.as_bytes();
        check_length(bytes.len())?;
        query_parse(lua, &bytes).map_err(error_from_mlua)
    })?;
    register(lua, native, "query_text", |_, list: Table| query_text(&list))
}

/// Refuses a URL or query that would take long to parse.
pub(super) fn check_length(bytes: usize) -> Result<()> {
    if bytes > URL_BYTES {
        return Err(Error::type_error(format!("A URL is longer than {URL_BYTES} bytes.")));
    }
    Ok(())
}

fn invalid() -> Error {
    Error::type_error("Invalid URL string.")
}

fn parse(text: &str, base: Option<&str>) -> Result<Url> {
    check_length(text.len() + base.map_or(0, str::len))?;
    let base = base.map(Url::parse).transpose().map_err(|_| invalid())?;
    Url::options().base_url(base.as_ref()).parse(text).map_err(|_| invalid())
}

/// Changes one part as an assignment in JavaScript does: what doesn't fit is ignored, save `href`.
fn set(url: &mut Url, part: &str, value: &str) -> Result<()> {
    check_length(value.len())?;
    let _ = match part {
        "href" => return quirks::set_href(url, value).map_err(|_| invalid()),
        "protocol" => quirks::set_protocol(url, value),
        "username" => quirks::set_username(url, value),
        "password" => quirks::set_password(url, value),
        "host" => quirks::set_host(url, value),
        "hostname" => quirks::set_hostname(url, value),
        "port" => quirks::set_port(url, value),
        "pathname" => {
            quirks::set_pathname(url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(url, value);
            Ok(())
        }
        _ => {
            return Err(Error::type_error(format!("URL has no part {part:?} that can be set.")));
        }
    };
    Ok(())
}

fn parts(lua: &Lua, url: &Url) -> Result<Table> {
    let fill = || {
        let parts = lua.create_table_with_capacity(0, 12)?;
        parts.raw_set("href", quirks::href(url))?;
        parts.raw_set("protocol", quirks::protocol(url))?;
        parts.raw_set("username", quirks::username(url))?;
        parts.raw_set("password", quirks::password(url))?;
        parts.raw_set("host", quirks::host(url))?;
        parts.raw_set("hostname", quirks::hostname(url))?;
        parts.raw_set("port", quirks::port(url))?;
        parts.raw_set("pathname", quirks::pathname(url))?;
        parts.raw_set("search", quirks::search(url))?;
        parts.raw_set("hash", quirks::hash(url))?;
        parts.raw_set("origin", url.origin().ascii_serialization())?;
        Ok(parts)
    };
    fill().map_err(error_from_mlua)
}

/// Reads a query into a flat list: name, value, name, value.
fn query_parse(lua: &Lua, text: &[u8]) -> mlua::Result<Table> {
    let list = lua.create_table()?;
    let text = text.strip_prefix(b"?").unwrap_or(text);
    let mut at = 0;
    for (name, value) in form_urlencoded::parse(text) {
        list.raw_set(at + 1, &*name)?;
        list.raw_set(at + 2, &*value)?;
        at += 2;
    }
    Ok(list)
}

fn query_text(list: &Table) -> Result<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut bytes = 0;
    for at in (1..=list.raw_len()).step_by(2) {
        let name: LuaString = list.raw_get(at).map_err(error_from_mlua)?;
        let value: LuaString = list.raw_get(at + 1).map_err(error_from_mlua)?;
        bytes += 3 * (name.as_bytes().len() + value.as_bytes().len()) + 2;
        if bytes > QUERY_BYTES {
            return Err(Error::type_error(format!("A query is longer than {QUERY_BYTES} bytes.")));
        }
        query.append_pair(&name.to_string_lossy(), &value.to_string_lossy());
    }
    Ok(query.finish())
}
