//! Classes: written in Python, or loaded from guest code.

use std::sync::Arc;

use facetbox::{
    AlarmInfo, Class, Ctx as CoreCtx, DurableObject, Request as CoreRequest,
    Response as CoreResponse, Value, ValueMap, no_alarm_handler, no_fetch_handler, no_such_method,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::aio::{Home, event_loop_class};
use crate::ctx::Ctx;
use crate::error::{Result, attach, invalid_argument, log_alarm};
use crate::http::{Request, Response};
use crate::methods::{aio_object, durable_object, find_method};
use crate::{from_python, to_python};

/// A class loaded from guest code: what a namespace's objects or a facet are instances of.
#[pyclass(frozen, module = "facetbox")]
pub struct DurableObjectClass(pub Class);

#[pymethods]
impl DurableObjectClass {
    /// The name under which the code exports it.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    fn __repr__(&self) -> String {
        format!("DurableObjectClass({:?})", self.0.name())
    }
}

/// Core's class for a subclass of `DurableObject`, at home there, or a class loaded from guest code.
pub fn class(object: &Bound<'_, PyAny>, home: &Home) -> Result<Class> {
    if let Ok(class) = object.cast::<DurableObjectClass>() {
        return Ok(class.get().0.clone());
    }
    let found = object.cast::<PyType>().ok().map(|class| wrap(class, home)).transpose()?.flatten();
    found.ok_or_else(|| {
        let message = "A class must be a subclass of facetbox.DurableObject or come from \
            WorkerStub.get_durable_object_class(), got ";
        invalid_argument(format!("{message}{}.", shown(object)))
    })
}

/// How messages show an argument that isn't what it should be.
pub fn shown(object: &Bound<'_, PyAny>) -> String {
    object.repr().map_or_else(|_| "an object without a repr".to_owned(), |text| text.to_string())
}

/// Core's class for a Python class, if that is a subclass of `DurableObject` of the package or its `aio`.
pub fn wrap(class: &Bound<'_, PyType>, home: &Home) -> Result<Option<Class>> {
    if class.is_subclass(aio_object(class.py())?)? {
        if matches!(home, Home::Caller) {
            let message = format!("{class} has coroutines as methods: use it with facetbox.aio.");
            return Err(invalid_argument(message));
        }
        return Ok(Some(event_loop_class(class, home)?));
    }
    if !class.is_subclass(durable_object(class.py())?)? {
        return Ok(None);
    }
    let name = class.name()?.to_string();
    let class = class.clone().unbind();
    Ok(Some(Class::host(name, move |ctx, env| attach(|py| construct(class.bind(py), ctx, env)))))
}

fn construct(class: &Bound<'_, PyType>, ctx: CoreCtx, env: ValueMap) -> Result<Instance> {
    static ENV: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = class.py();
    let names = to_python::map(py, env, &Home::Caller)?;
    let env = ENV.import(py, "facetbox._object", "Env")?.call((), Some(&names))?;
    Ok(Instance(class.call1((Ctx(Arc::new(ctx)), env))?.unbind()))
}

/// An object or facet whose class is written in Python.
struct Instance(Py<PyAny>);

impl DurableObject for Instance {
    fn fetch(&self, request: CoreRequest) -> facetbox::Result<CoreResponse> {
        attach(|py| {
            let fetch = find_method(self.0.bind(py), "fetch")?.ok_or_else(no_fetch_handler)?;
            let answer = fetch.call1((Request::from_core(py, request)?,))?;
            Response::expect(&answer, "fetch()")
        })
    }

    fn call(&self, method: &str, args: Vec<Value>) -> facetbox::Result<Value> {
        attach(|py| {
            let found =
                find_method(self.0.bind(py), method)?.ok_or_else(|| no_such_method(method))?;
            from_python::value(
                &found.call1(to_python::args(py, args, &Home::Caller)?)?,
                "result",
                &Home::Caller,
            )
        })
    }

    fn alarm(&self, info: AlarmInfo) -> facetbox::Result<()> {
        let done = attach(|py| {
            let alarm = find_method(self.0.bind(py), "alarm")?.ok_or_else(no_alarm_handler)?;
            let answer = alarm.call1((alarm_info(py, info)?,))?;
            // Nobody gets the answer, but a coroutine would be a handler that hasn't run.
            from_python::value(&answer, "result", &Home::Caller).map(drop)
        });
        log_alarm(&done);
        done
    }

    fn has_alarm(&self) -> bool {
        has_alarm(&self.0)
    }
}

/// Whether an instance has a handler of alarms.
pub fn has_alarm(object: &Py<PyAny>) -> bool {
    let found = attach(|py| Ok(find_method(object.bind(py), "alarm")?.is_some()));
    // If that can't be said, the handler's own failure will.
    found.unwrap_or(true)
}

/// The `facetbox.AlarmInfo` for core's.
pub fn alarm_info(py: Python<'_>, info: AlarmInfo) -> PyResult<Bound<'_, PyAny>> {
    static INFO: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = INFO.import(py, "facetbox._object", "AlarmInfo")?;
    class.call1((info.scheduled_time, info.retry_count))
}
