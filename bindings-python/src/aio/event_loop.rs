//! What `facetbox.aio` asks the runtime for.

use std::path::PathBuf;

use facetbox::NamespaceOptions;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::class::unexpected;
use super::{Call, EventScope, Guard, Home, Inbox, Kind, Reply, Transaction, ask};
use crate::class::{DurableObjectClass, class};
use crate::ctx::Ctx;
use crate::deployment::Deployment;
use crate::error::{Failure, Result, attach};
use crate::facets::Facets;
use crate::http::{Request, Response};
use crate::interpreter::detach;
use crate::loader::{Loader, WorkerStub, export_options, limits_patch, worker_code};
use crate::namespace::{Namespace, ObjectId};
use crate::rpc::RpcStub;
use crate::runtime::Runtime;
use crate::stub::Stub;
use crate::{from_python, to_python, whole};

/// A running event loop, as what it calls comes back to it, and the event that calls. Its methods neither block
/// nor wait.
#[pyclass(frozen, module = "facetbox._native")]
pub struct EventLoop(Home, Option<facetbox::EventScope>);

impl EventLoop {
    /// Runs code for the event that calls.
    fn enter<T>(&self, code: impl FnOnce() -> T) -> T {
        match &self.1 {
            Some(scope) => scope.enter(code),
            None => code(),
        }
    }
}

#[pymethods]
impl EventLoop {
    /// Made from what comes to the loop and the event whose code runs.
    #[new]
    #[pyo3(signature = (inbox, scope))]
    fn new(inbox: &Bound<'_, Inbox>, scope: Option<&Bound<'_, EventScope>>) -> EventLoop {
        let scope = scope.map(|scope| scope.get().0.clone());
        EventLoop(Home::Loop(inbox.get().0.clone()), scope)
    }

    /// Calls a method; its answer settles `future`.
    fn call(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        stub: &Stub,
        method: &str,
        args: &Bound<'_, PyTuple>,
    ) -> Result<Call> {
        let args = from_python::args(args, &self.0)?;
        let answer = self.enter(|| stub.0.call_in_order(method, args));
        let convert = |py: Python<'_>, value, home: &Home| {
            to_python::value(py, value, home).map(Bound::unbind)
        };
        Ok(Call::begin(py, &self.0, future, answer, convert, |task| stub.0.spawn(task)))
    }

    /// Calls a function of a guest, or a method of an object of it; its answer settles `future`.
    fn call_back(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        stub: &RpcStub,
        method: Option<&str>,
        args: &Bound<'_, PyTuple>,
    ) -> Result<Call> {
        let args = from_python::args(args, &self.0)?;
        let answer = self.enter(|| stub.0.call_in_order(method, args));
        let convert = |py: Python<'_>, value, home: &Home| {
            to_python::value(py, value, home).map(Bound::unbind)
        };
        Ok(Call::begin(py, &self.0, future, answer, convert, |task| {
            self.enter(|| stub.0.spawn(task))
        }))
    }

    /// Sends a request; its response settles `future`.
    fn fetch(&self, py: Python<'_>, future: Py<PyAny>, stub: &Stub, request: &Request) -> Call {
        let answer = self.enter(|| stub.0.fetch_in_order(request.to_core()));
        let convert = |py: Python<'_>, response, _: &Home| {
            Ok(Py::new(py, Response::from_core(py, response)?)?.into_any())
        };
        Call::begin(py, &self.0, future, answer, convert, |task| stub.0.spawn(task))
    }

    /// Fires the alarms that are due; their number settles `future`.
    fn run_due_alarms(&self, py: Python<'_>, future: Py<PyAny>, runtime: &Runtime) -> Call {
        let core = runtime.core();
        let convert = |py: Python<'_>, fired: u64, _: &Home| {
            Ok(fired.into_pyobject(py).map_err(PyErr::from)?.into_any().unbind())
        };
        let answer = self.enter(|| core.run_due_alarms_async());
        Call::begin(py, &self.0, future, answer, convert, |task| core.spawn(task))
    }

    /// Runs a whole module; a Deployment settles `future`.
    fn deploy(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        runtime: &Runtime,
        name: &str,
        code: &Bound<'_, PyAny>,
        env: Option<&Bound<'_, PyAny>>,
    ) -> Result<Call> {
        let core = runtime.core();
        let env = env.map(|env| from_python::env(env, &self.0)).transpose()?;
        let code = worker_code(code, &self.0)?;
        let answer = self.enter(|| core.deploy_async(name, code, env));
        let convert = |py: Python<'_>, deployment, _: &Home| {
            Ok(Py::new(py, Deployment(deployment))?.into_any())
        };
        Ok(Call::begin(py, &self.0, future, answer, convert, |task| core.spawn(task)))
    }

    /// Copies an object to a new directory; None settles `future`.
    fn export(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        namespace: &Namespace,
        id: &ObjectId,
        path: PathBuf,
    ) -> Result<Call> {
        let core = &namespace.0;
        let id = id.of_object()?;
        let answer = self.enter(|| core.export(id, path));
        Ok(Call::begin(py, &self.0, future, answer, none, |task| core.spawn(task)))
    }

    /// Runs one SQL statement that reads; QueryRows settle `future`.
    #[expect(clippy::too_many_arguments, reason = "they are the method's own, and the future")]
    fn query(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        namespace: &Namespace,
        id: &ObjectId,
        query: &str,
        bindings: &Bound<'_, PyTuple>,
        facets: Option<Vec<String>>,
    ) -> Result<Call> {
        let (core, id, facets) = (&namespace.0, id.of_object()?, facets.unwrap_or_default());
        let facets: Vec<&str> = facets.iter().map(String::as_str).collect();
        let args = from_python::args(bindings, &self.0)?;
        let answer = self.enter(|| core.query(id, &facets, query, args));
        let convert =
            |py: Python<'_>, rows, _: &Home| whole::query_rows(py, rows).map(Bound::unbind);
        Ok(Call::begin(py, &self.0, future, answer, convert, |task| core.spawn(task)))
    }

    /// Commits what an object has written and waits until it is durable.
    fn sync(&self, py: Python<'_>, future: Py<PyAny>, ctx: &Ctx) -> Call {
        let storage = ctx.0.storage().clone();
        let answer = async move { storage.sync() };
        Call::begin(py, &self.0, future, answer, none, |task| ctx.0.spawn(task))
    }

    /// Waits until an object has no other event; a Guard that keeps them out settles `future`.
    fn block_concurrency(&self, py: Python<'_>, future: Py<PyAny>, ctx: &Ctx) -> Result<Call> {
        let answer = self.enter(|| ctx.0.block_concurrency())?;
        let convert =
            |py: Python<'_>, guard, _: &Home| Ok(Py::new(py, Guard::new(guard))?.into_any());
        Ok(Call::begin(py, &self.0, future, answer, convert, |task| ctx.0.spawn(task)))
    }

    /// Waits as that does, and opens a transaction; a Transaction settles `future`.
    fn begin_transaction(&self, py: Python<'_>, future: Py<PyAny>, ctx: &Ctx) -> Result<Call> {
        let answer = self.enter(|| ctx.0.begin_transaction())?;
        let convert = |py: Python<'_>, transaction, _: &Home| {
            Ok(Py::new(py, Transaction::new(transaction))?.into_any())
        };
        Ok(Call::begin(py, &self.0, future, answer, convert, |task| ctx.0.spawn(task)))
    }

    /// Commits a transaction, and waits until that is durable.
    fn commit(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        ctx: &Ctx,
        transaction: &Transaction,
    ) -> Call {
        let committed = detach(py, || transaction.take().map(facetbox::Transaction::commit));
        let answer = async move {
            match committed {
                Some(committed) => committed.await,
                None => Ok(()),
            }
        };
        Call::begin(py, &self.0, future, answer, none, |task| ctx.0.spawn(task))
    }

    /// Binds a name to a class that may be at home here.
    fn namespace(
        &self,
        runtime: &Runtime,
        name: &str,
        cls: &Bound<'_, PyAny>,
        env: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
    ) -> Result<Namespace> {
        let env = env.map(|env| from_python::env(env, &self.0)).transpose()?;
        let options = NamespaceOptions { env, limits: limits_patch(limits)? };
        Ok(Namespace(runtime.core().namespace_with(name, class(cls, &self.0)?, options)?))
    }

    /// Resets an object or facet: every caller gets the exception.
    fn fail(&self, py: Python<'_>, ctx: &Ctx, exception: &Bound<'_, PyBaseException>) {
        let error = Failure::Python(PyErr::from_value(exception.clone().into_any()));
        detach(py, || ctx.0.fail(error.into()));
    }

    /// The props of an object or facet.
    fn props<'py>(&self, py: Python<'py>, ctx: &Ctx) -> Result<Bound<'py, PyAny>> {
        to_python::value(py, ctx.0.props().clone(), &self.0)
    }

    /// A stub of a facet, whose start callback runs here.
    fn facet(&self, facets: &Facets, name: &str, start: Py<PyAny>) -> Result<Stub> {
        let home = self.0.clone();
        let start = move || -> facetbox::BoxFuture<'static, _> {
            let asked = attach(|py| ask(&home, Kind::Facet, start.bind(py), PyTuple::empty(py)));
            Box::pin(async move {
                match asked?.await? {
                    Reply::Facet(options) => Ok(options),
                    _ => Err(unexpected()),
                }
            })
        };
        Ok(Stub(facets.0.get_async(name, start)?))
    }

    /// Loads code whose functions run here.
    fn load(&self, loader: &Loader, code: &Bound<'_, PyAny>) -> Result<WorkerStub> {
        Ok(WorkerStub(loader.0.load(worker_code(code, &self.0)?)?))
    }

    /// The worker cached as `id`, if there is one.
    fn cached(&self, loader: &Loader, id: &str) -> Option<WorkerStub> {
        loader.0.cached(id).map(WorkerStub)
    }

    /// Loads code and caches it as `id`.
    fn insert(
        &self,
        loader: &Loader,
        id: Option<&str>,
        code: &Bound<'_, PyAny>,
    ) -> Result<WorkerStub> {
        Ok(WorkerStub(loader.0.insert(id, Ok(worker_code(code, &self.0)?))))
    }

    /// The exported class `name`.
    fn durable_object_class(
        &self,
        worker: &WorkerStub,
        name: &str,
        props: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
    ) -> Result<DurableObjectClass> {
        let options = export_options(props, limits, &self.0)?;
        Ok(DurableObjectClass(worker.0.get_durable_object_class(name, options)))
    }

    /// A stub of the exported entrypoint `name`.
    fn entrypoint(
        &self,
        worker: &WorkerStub,
        name: &str,
        props: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
    ) -> Result<Stub> {
        Ok(Stub(worker.0.get_entrypoint(name, export_options(props, limits, &self.0)?)?))
    }
}

/// What settles the future of a call without a result.
fn none(py: Python<'_>, _: (), _: &Home) -> Result<Py<PyAny>> {
    Ok(py.None())
}
