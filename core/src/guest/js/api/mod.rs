//! The natives behind the guest API, by topic.

mod ciphers;
mod collate;
mod compress;
mod context;
mod crypto;
mod lazy;
mod loader;
mod namespace;
mod signatures;
mod storage;
mod stub;
mod text;
mod web;
mod zones;

use std::ffi::CStr;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use rquickjs::{Array, Ctx, Object, Value as JsValue};

use super::entry::Table;
use super::errors::caught;
use super::kinds::Kind;
use super::native::{Call, Done, Native};
use super::task::Shared;
use super::vm::Hooks;
use super::{native, read};
use crate::error::{Error, Result};
use crate::guest::web::HeaderList;
use crate::http::{Headers, Request, Response};
use crate::value::Value;
pub(super) use compress::Stream;
pub(super) use text::valid_text;

/// The topic of the natives that every machine has.
pub(super) const COMMON: &str = "common";

/// The shared state of the machine that runs.
pub(super) fn shared(ctx: &Ctx<'_>) -> Option<Arc<Shared>> {
    ctx.userdata::<Hooks<'_>>().map(|hooks| hooks.shared.clone())
}

/// All natives: they are the same for all machines.
pub(super) fn natives() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut natives = Natives::default();
        natives.topic(COMMON, |natives| {
            context::register(natives);
            lazy::register(natives);
            storage::register(natives);
            stub::register(natives);
            namespace::register(natives);
            loader::register(natives);
            text::register(natives);
            collate::register(natives);
            crypto::register(natives);
            web::register(natives);
            natives.add(c"late", late);
        });
        natives.topic("ciphers", ciphers::register);
        natives.topic("signatures", signatures::register);
        natives.topic("compress", compress::register);
        natives.topic("zones", zones::register);
        Table::new(natives.all, natives.topics)
    });
    &TABLE
}

/// Natives, and which of them a topic has.
#[derive(Default)]
struct Natives {
    all: Vec<(&'static CStr, Native)>,
    topics: Vec<(&'static str, Range<usize>)>,
}

impl Natives {
    fn topic(&mut self, name: &'static str, register: impl FnOnce(&mut Natives)) {
        let first = self.all.len();
        register(self);
        self.topics.push((name, first..self.all.len()));
    }

    fn add(&mut self, name: &'static CStr, function: Native) {
        self.all.push((name, function));
    }
}

/// An object with the natives of a topic that most guests never need.
fn late<'js>(call: &Call<'_, 'js>) -> Done<'js> {
    let object = Object::new(call.ctx.clone())?;
    natives().set_on(&object, &call.text(0)?)?;
    Ok(object.into_value())
}

/// Header fields from a flat list of names and values.
pub(super) fn headers<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    list: &Array<'js>,
) -> Result<Headers> {
    let mut headers = HeaderList::default();
    for at in (0..native::length(list).map_err(|error| caught(ctx, hooks, error))?).step_by(2) {
        let part = |at| list.get::<String>(at).map_err(|error| caught(ctx, hooks, error));
        headers.append(&part(at)?, &part(at + 1)?)?;
    }
    Ok(headers.finish())
}

/// A body that the prelude has taken from a message: text, bytes or null.
fn body<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, data: &JsValue<'js>) -> Result<Option<Vec<u8>>> {
    if data.is_null() || data.is_undefined() {
        return Ok(None);
    }
    // Nothing else is read: a guest could have put a list here that is long beyond any limit.
    let is_bytes = || matches!(hooks.kinds.of(data), Kind::Buffer | Kind::View);
    if !data.is_string() && !is_bytes() {
        return Err(Error::type_error("A body must be text or bytes."));
    }
    match read::value(ctx, hooks, data, u64::MAX, None)? {
        Value::String(text) => Ok(Some(text.into_bytes())),
        Value::Bytes(bytes) | Value::View(_, bytes) => Ok(Some(bytes)),
        _ => Err(Error::type_error("A body must be text or bytes.")),
    }
}

/// A response from the parts that the prelude has taken: status, headers, body, what is said about the status.
pub(super) fn response<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    parts: &Array<'js>,
) -> Result<Response> {
    let failed = |error| caught(ctx, hooks, error);
    let text: String = parts.get(3).map_err(failed)?;
    let mut response =
        Response::new(parts.get::<u16>(0).map_err(failed)?)?.with_status_text(text)?;
    response.headers = headers(ctx, hooks, &parts.get(1).map_err(failed)?)?;
    response.body = body(ctx, hooks, &parts.get(2).map_err(failed)?)?;
    Ok(response)
}

/// A request from the parts that the prelude has taken: method, URL, headers, body.
pub(super) fn request<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    parts: &Array<'js>,
) -> Result<Request> {
    let failed = |error| caught(ctx, hooks, error);
    let (method, url): (String, String) =
        (parts.get(0).map_err(failed)?, parts.get(1).map_err(failed)?);
    let mut request = Request::new(&method, &url)?;
    request.headers = headers(ctx, hooks, &parts.get(2).map_err(failed)?)?;
    request.body = body(ctx, hooks, &parts.get(3).map_err(failed)?)?;
    Ok(request)
}
