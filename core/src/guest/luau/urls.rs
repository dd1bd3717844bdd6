//! Native functions behind `URL` and `URLSearchParams`.

use ::url::{Url, form_urlencoded};
use mlua::{Lua, LuaString, Table};

use super::errors::error_from_mlua;
use super::native::Natives;
use crate::error::Result;
use crate::guest::web::{check_length, check_query, parse_url, set_url_part, url_parts};

pub(super) fn add_natives(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("url_parse", |lua, (text, base): (String, Option<String>)| {
        parts(lua, &parse_url(&text, base.as_deref())?)
    })?;
    natives.add("url_set", |lua, (href, part, value): (String, String, String)| {
        let mut url = parse_url(&href, None)?;
        set_url_part(&mut url, &part, &value)?;
        parts(lua, &url)
    })?;
    natives.add("query_parse", |lua, text: LuaString| {
        let bytes = text.as_bytes();
        check_length(bytes.len())?;
        query_parse(lua, &bytes).map_err(error_from_mlua)
    })?;
    natives.add("query_text", |_, list: Table| query_text(&list))
}

fn parts(lua: &Lua, url: &Url) -> Result<Table> {
    let fill = || {
        let parts = lua.create_table_with_capacity(0, 12)?;
        for (name, value) in url_parts(url) {
            parts.raw_set(name, value)?;
        }
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
        bytes += name.as_bytes().len() + value.as_bytes().len();
        check_query(bytes)?;
        query.append_pair(&name.to_string_lossy(), &value.to_string_lossy());
    }
    Ok(query.finish())
}
