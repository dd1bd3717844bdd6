//! Classes whose instances live on an event loop.

use std::sync::Arc;

use facetbox::{
    AlarmInfo, BoxFuture, Class, Ctx as CoreCtx, Error, ErrorCode, EventLoopClass, EventLoopObject,
    Request as CoreRequest, Response as CoreResponse, Stub, Value, ValueMap, facet_stub,
    no_alarm_handler, no_fetch_handler, no_such_method,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use super::ask::Pending;
use super::{Home, Kind, Reply, ask};
use crate::class::{alarm_info, has_alarm};
use crate::ctx::Ctx;
use crate::error::{Result, attach, log_alarm};
use crate::http::Request;
use crate::methods::find_method;
use crate::to_python;

/// Core's class for a subclass of `facetbox.aio.DurableObject`, at home on a loop.
pub fn event_loop_class(class: &Bound<'_, PyType>, home: &Home) -> PyResult<Class> {
    let name = class.name()?.to_string();
    Ok(Class::event_loop(name, LoopClass { class: class.clone().unbind(), home: home.clone() }))
}

struct LoopClass {
    class: Py<PyType>,
    home: Home,
}

impl EventLoopClass for LoopClass {
    fn construct(
        &self,
        ctx: CoreCtx,
        env: ValueMap,
    ) -> BoxFuture<'static, facetbox::Result<Arc<dyn EventLoopObject>>> {
        static CONSTRUCT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let home = self.home.clone();
        let asked = attach(|py| {
            let construct = CONSTRUCT.import(py, "facetbox.aio._host", "construct")?;
            let env = to_python::map(py, env, &home)?;
            let args = (self.class.bind(py), Ctx(Arc::new(ctx)), env).into_pyobject(py)?;
            ask(&home, Kind::Instance, construct, args)
        });
        Box::pin(async move {
            match asked?.await? {
                Reply::Instance(object) => Ok(Arc::new(Instance { object, home }) as _),
                _ => Err(unexpected()),
            }
        })
    }
}

/// An object or facet on an event loop.
struct Instance {
    object: Py<PyAny>,
    home: Home,
}

impl Instance {
    /// Asks for a method, or fails with `missing`.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        kind: Kind,
        method: &str,
        missing: impl FnOnce() -> Error,
        args: Bound<'py, PyTuple>,
    ) -> Result<Pending> {
        let method = find_method(self.object.bind(py), method)?.ok_or_else(missing)?;
        ask(&self.home, kind, &method, args)
    }
}

impl EventLoopObject for Instance {
    fn fetch(&self, request: CoreRequest) -> BoxFuture<'static, facetbox::Result<CoreResponse>> {
        let asked = attach(|py| {
            let args = (Request::from_core(py, request)?,).into_pyobject(py)?;
            self.ask(py, Kind::Response("fetch()"), "fetch", no_fetch_handler, args)
        });
        Box::pin(response(asked))
    }

    fn call(
        &self,
        method: String,
        args: Vec<Value>,
    ) -> BoxFuture<'static, facetbox::Result<Value>> {
        let asked = attach(|py| {
            let args = to_python::args(py, args, &self.home)?;
            self.ask(py, Kind::Value, &method, || no_such_method(&method), args)
        });
        Box::pin(value(asked))
    }

    fn alarm(&self, info: AlarmInfo) -> BoxFuture<'static, facetbox::Result<()>> {
        let asked = attach(|py| {
            let args = (alarm_info(py, info)?,).into_pyobject(py)?;
            self.ask(py, Kind::Value, "alarm", no_alarm_handler, args)
        });
        Box::pin(async move {
            let done = value(asked).await.map(drop);
            log_alarm(&done);
            done
        })
    }

    fn has_alarm(&self) -> bool {
        has_alarm(&self.object)
    }

    fn start_facet(&self, name: &str) -> BoxFuture<'static, facetbox::Result<Stub>> {
        let answer = self.call("start_facet".into(), vec![name.into()]);
        Box::pin(async move { answer.await.and_then(facet_stub) })
    }
}

/// The value that an ask is answered with.
pub async fn value(asked: facetbox::Result<Pending>) -> facetbox::Result<Value> {
    match asked?.await? {
        Reply::Value(value) => Ok(value),
        _ => Err(unexpected()),
    }
}

/// The response that an ask is answered with.
pub async fn response(asked: facetbox::Result<Pending>) -> facetbox::Result<CoreResponse> {
    match asked?.await? {
        Reply::Response(response) => Ok(response),
        _ => Err(unexpected()),
    }
}

/// The error of an answer that isn't what was asked for.
pub fn unexpected() -> Error {
    Error::new(ErrorCode::Panic, "The event loop answered something else than it was asked for.")
}
