//! Classes, and the JavaScript classes behind some of them.

use std::sync::Arc;

use facetbox::{
    AlarmInfo, BoxFuture, Error, ErrorCode, EventLoopClass, EventLoopObject, Request, Response,
    Result, Value, ValueMap,
};
use napi_derive::napi;

use crate::capability::reply_value;
use crate::codec::Handle;
use crate::ctx::Ctx;
use crate::mailbox::{Kind, Reply};
use crate::reference::JsRef;

/// A class of objects or facets.
#[napi]
pub struct Class {
    core: facetbox::Class,
}

impl Class {
    pub(crate) fn new(core: facetbox::Class) -> Class {
        Class { core }
    }

    pub(crate) fn core(&self) -> &facetbox::Class {
        &self.core
    }
}

/// The JavaScript class behind `reference`.
pub(crate) fn host_class(reference: Arc<JsRef>, name: String) -> facetbox::Class {
    facetbox::Class::event_loop(name, HostClass(reference))
}

struct HostClass(Arc<JsRef>);

impl EventLoopClass for HostClass {
    fn construct(
        &self,
        ctx: facetbox::Ctx,
        env: ValueMap,
    ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>> {
        let mailbox = self.0.mailbox();
        let ctx = Some(Handle::F(Ctx::new(ctx, mailbox)));
        let reply = mailbox.ask(Kind::Construct, &self.0, "", Value::Map(env), ctx);
        Box::pin(async move {
            match reply.await? {
                Reply::Instance(instance, has_alarm) => {
                    Ok(Arc::new(HostObject { instance, has_alarm }) as Arc<dyn EventLoopObject>)
                }
                _ => Err(unexpected()),
            }
        })
    }
}

struct HostObject {
    instance: Arc<JsRef>,
    has_alarm: bool,
}

impl HostObject {
    fn ask(&self, kind: Kind, name: &str, payload: Value) -> BoxFuture<'static, Result<Reply>> {
        self.instance.mailbox().ask(kind, &self.instance, name, payload, None)
    }
}

impl EventLoopObject for HostObject {
    fn fetch(&self, request: Request) -> BoxFuture<'static, Result<Response>> {
        let request = request.to_value();
        let reply = self.ask(Kind::Fetch, "", request);
        Box::pin(async move { Response::from_value(&reply_value(reply).await?) })
    }

    fn call(&self, method: String, args: Vec<Value>) -> BoxFuture<'static, Result<Value>> {
        let args = Value::List(args);
        reply_value(self.ask(Kind::Call, &method, args))
    }

    fn alarm(&self, info: AlarmInfo) -> BoxFuture<'static, Result<()>> {
        let done = self.ask(Kind::Alarm, "", Value::Map(info.into()));
        Box::pin(async move { done.await.map(drop) })
    }

    fn has_alarm(&self) -> bool {
        self.has_alarm
    }
}

impl Reply {
    pub(crate) fn into_value(self) -> Result<Value> {
        match self {
            Reply::Value(value) => Ok(value),
            _ => Err(unexpected()),
        }
    }
}

pub(crate) fn unexpected() -> Error {
    Error::new(ErrorCode::Panic, "JavaScript answered something else than it was asked for.")
}
