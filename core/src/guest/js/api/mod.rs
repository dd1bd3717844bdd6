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

use std::sync::Arc;

use rquickjs::{Array, Ctx, JsLifetime, Object, Value as JsValue};

use super::errors::caught;
use super::native::{Call, Done, Native, illegal};
use super::program::Prelude;
use super::task::Shared;
use super::vm::{Hooks, Kind};
use super::{native, read};
use crate::error::{Error, Result};
use crate::guest::web::HeaderList;
use crate::http::{Headers, Request, Response};
use crate::value::Value;
pub(super) use compress::Stream;
pub(super) use text::valid_text;

/// What the engine keeps for us.
struct Own {
    shared: Arc<Shared>,
    prelude: Prelude,
}

// SAFETY: it holds nothing with the engine's lifetime.
#[expect(unsafe_code, reason = "the binding asks for the lifetime of what it keeps")]
unsafe impl<'js> JsLifetime<'js> for Own {
    type Changed<'to> = Own;
}

/// The shared state of the machine that runs.
pub(super) fn shared(ctx: &Ctx<'_>) -> Option<Arc<Shared>> {
    ctx.userdata::<Own>().map(|own| own.shared.clone())
}

/// Lets go of what the engine keeps for us. No native runs afterwards.
pub(super) fn let_go(ctx: &Ctx<'_>) {
    drop(ctx.remove_userdata::<Own>());
}

/// Sets all natives.
pub(super) fn register(
    object: &Object<'_>,
    shared: &Arc<Shared>,
    prelude: &Prelude,
) -> rquickjs::Result<()> {
    let own = Own { shared: shared.clone(), prelude: prelude.clone() };
    let _ = object.ctx().store_userdata(own);
    let natives = Natives { object, shared };
    context::register(&natives)?;
    lazy::register(&natives)?;
    storage::register(&natives)?;
    stub::register(&natives)?;
    namespace::register(&natives)?;
    loader::register(&natives)?;
    text::register(&natives)?;
    collate::register(&natives)?;
    crypto::register(&natives)?;
    web::register(&natives)?;
    natives.add("late", late)
}

struct Natives<'a, 'js> {
    object: &'a Object<'js>,
    shared: &'a Arc<Shared>,
}

impl Natives<'_, '_> {
    fn add(&self, name: &'static str, function: Native) -> rquickjs::Result<()> {
        native::add(self.object, self.shared, name, function)
    }
}

/// An object with the natives of a topic that most guests never need.
fn late<'js>(call: &Call<'_, 'js>) -> Done<'js> {
    let object = Object::new(call.ctx.clone())?;
    let natives = Natives { object: &object, shared: call.shared };
    match call.text(0)?.as_str() {
        "ciphers" => ciphers::register(&natives)?,
        "signatures" => signatures::register(&natives)?,
        "compress" => compress::register(&natives)?,
        "zones" => zones::register(&natives)?,
        _ => return Err(illegal().into()),
    }
    Ok(object.into_value())
}

fn headers<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, list: &Array<'js>) -> Result<Headers> {
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

/// A response from the parts that the prelude has taken: status, headers, body.
pub(super) fn response<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    parts: &Array<'js>,
) -> Result<Response> {
    let failed = |error| caught(ctx, hooks, error);
    let mut response = Response::new(parts.get::<u16>(0).map_err(failed)?)?;
    response.headers = headers(ctx, hooks, &parts.get(1).map_err(failed)?)?;
    response.body = body(ctx, hooks, &parts.get(2).map_err(failed)?)?;
    Ok(response)
}

/// A request from the parts that the prelude has taken: method, URL, headers, body.
fn request<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, parts: &Array<'js>) -> Result<Request> {
    let failed = |error| caught(ctx, hooks, error);
    let (method, url): (String, String) =
        (parts.get(0).map_err(failed)?, parts.get(1).map_err(failed)?);
    let mut request = Request::new(&method, &url)?;
    request.headers = headers(ctx, hooks, &parts.get(2).map_err(failed)?)?;
    request.body = body(ctx, hooks, &parts.get(3).map_err(failed)?)?;
    Ok(request)
}
