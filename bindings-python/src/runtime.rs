//! The runtime: one data directory, its namespaces and threads.

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use facetbox::{Alarms, Durability, Engine, NamespaceOptions, Options};
use pyo3::exceptions::PyResourceWarning;
use pyo3::prelude::*;

use crate::aio::Home;
use crate::class::{class, shown};
use crate::clock::ManualClock;
use crate::deployment::Deployment;
use crate::error::{Result, at_least, check_signals, invalid_argument, take_interrupt};
use crate::interpreter::{detach, enter};
use crate::loader::{Loader, limits_patch, worker_code};
use crate::namespace::Namespace;
use crate::{from_python, metrics, tail, whole};

/// An open data directory, made by `open`. Leaving its `with` block closes it. One that is collected while
/// it is open warns with a ResourceWarning.
///
/// Namespaces and stubs don't keep it open: after `close` they raise ClosedError.
#[pyclass(frozen, weakref, module = "facetbox")]
pub struct Runtime(facetbox::Runtime, AtomicBool);

/// Opens a runtime; what `facetbox.open` is made of.
#[pyfunction]
#[pyo3(signature = (path, durability, limits, clock, alarms, idle_ms, max_warm, threads, engines, on_tail))]
#[expect(clippy::too_many_arguments, reason = "they are the options of open")]
pub fn open_runtime(
    py: Python<'_>,
    path: Option<PathBuf>,
    durability: &str,
    limits: Option<&Bound<'_, PyAny>>,
    clock: Option<&Bound<'_, ManualClock>>,
    alarms: &str,
    idle_ms: Option<i64>,
    max_warm: Option<i64>,
    threads: Option<i64>,
    engines: Option<Vec<String>>,
    on_tail: Option<Py<PyAny>>,
) -> Result<Runtime> {
    let durability = match durability {
        "full" => Durability::Full,
        "relaxed" => Durability::Relaxed,
        "none" => Durability::None,
        other => {
            let message = format!("durability must be 'full', 'relaxed' or 'none', got '{other}'.");
            return Err(invalid_argument(message));
        }
    };
    let alarms = match alarms {
        "automatic" => Alarms::Automatic,
        "manual" => Alarms::Manual,
        other => {
            let message = format!("alarms must be 'automatic' or 'manual', got '{other}'.");
            return Err(invalid_argument(message));
        }
    };
    let idle_ms = idle_ms.map(|ms| at_least("idle_ms", ms, 0)).transpose()?;
    let max_warm = max_warm.map(|count| at_least("max_warm", count, 0)).transpose()?;
    let threads = threads.map(|count| at_least("threads", count, 1)).transpose()?;
    let engines = engines.map(|names| names.iter().map(|name| Engine::from_name(name)).collect());
    let engines = engines.transpose()?;
    if let Some(receiver) = on_tail.as_ref().map(|receiver| receiver.bind(py))
        && !receiver.is_callable()
    {
        let message = format!("on_tail must be callable or None, got {}.", shown(receiver));
        return Err(invalid_argument(message));
    }
    let limits = limits_patch(limits)?;
    let clock = clock.map(|clock| clock.get().0.clone());
    let options = Options {
        path,
        durability,
        limits,
        clock,
        alarms,
        idle_ms,
        max_warm,
        threads,
        engines,
        on_tail: on_tail.map(tail::receiver),
    };
    let runtime = detach(py, || facetbox::Runtime::open_with(options))?;
    Ok(Runtime(runtime, AtomicBool::new(false)))
}

#[pymethods]
impl Runtime {
    /// Binds a name to a class: a subclass of DurableObject, or one loaded from guest code.
    ///
    /// The name decides where the objects' data is. `env` is what a Python class gets as `self.env`:
    /// data, functions, objects, stubs, loaders; by default it has the runtime's loader as LOADER.
    /// Guest classes get the env of their WorkerCode instead. `limits` replace the runtime's.
    ///
    /// Raises InvalidArgument for a name that is empty or bound already.
    #[pyo3(signature = (name, cls, env=None, limits=None))]
    fn namespace(
        &self,
        name: &str,
        cls: &Bound<'_, PyAny>,
        env: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
    ) -> Result<Namespace> {
        let env = env.map(|env| from_python::env(env, &Home::Caller)).transpose()?;
        let options = NamespaceOptions { env, limits: limits_patch(limits)? };
        Ok(Namespace(self.0.namespace_with(name, class(cls, &Home::Caller)?, options)?))
    }

    /// The namespace bound to `name`. Raises NotFoundError if there is none.
    fn get_namespace(&self, name: &str) -> Result<Namespace> {
        Ok(Namespace(self.0.get_namespace(name)?))
    }

    /// Runs a whole module, in Luau or JavaScript, that may contain supervisors and a fetch handler.
    ///
    /// Each class that it exports and that extends DurableObject becomes the namespace `name/Class`, which
    /// the module's own code reaches as `ctx.exports.Class`. Its default export, if it has a fetch handler,
    /// answers `Deployment.fetch`. Its `env` is that of `code` with the entries of `env` put over it, and
    /// has a Worker Loader as `LOADER` unless one of them says otherwise.
    ///
    /// The module is compiled and evaluated now, so that its errors show here. Deploying a name again
    /// replaces its code: objects that run fail what they are doing with ResetError, new stubs reach the
    /// new code, data stays.
    ///
    /// Raises LoadError if the module doesn't load or exports nothing to run, GuestError for what it throws,
    /// InvalidArgument for a name that is empty or a namespace that is bound to something else. Nothing has
    /// changed then.
    #[pyo3(signature = (name, code, env=None))]
    fn deploy(
        &self,
        py: Python<'_>,
        name: &str,
        code: &Bound<'_, PyAny>,
        env: Option<&Bound<'_, PyAny>>,
    ) -> Result<Deployment> {
        let env = env.map(|env| from_python::env(env, &Home::Caller)).transpose()?;
        let deployed = self.0.deploy_async(name, worker_code(code, &Home::Caller)?, env);
        Ok(Deployment(detach(py, || self.0.block_on(deployed, check_signals))?))
    }

    /// Fires the alarms that are due, one after the other, and returns how many handlers ran. For
    /// runtimes whose alarms are manual, and for tests. Each object's and facet's fires once: one
    /// that its handler sets to a time that is past fires in the next call.
    ///
    /// Blocks until the handlers have ended; not for use by an object or facet, whose own alarm would
    /// wait for it. Ctrl-C interrupts the wait. Whatever else a handler raises doesn't come out: its alarm is tried
    /// again later.
    fn run_due_alarms(&self, py: Python<'_>) -> Result<u64> {
        let done = self.0.run_due_alarms_async();
        let check = || check_signals().and_then(|()| take_interrupt());
        let fired = detach(py, || {
            let _earlier = take_interrupt();
            let count = self.0.block_on(done, check)?;
            take_interrupt().map(|()| count)
        });
        Ok(fired?)
    }

    /// Checks every object on disk, running or not, and returns a Report: its databases, that the facets
    /// which they name have their directories, and that no alarm is missing in the index of alarms.
    ///
    /// Changes nothing. Objects keep running; one that wants to use a database which is being read waits
    /// for that. Blocks for as long as it takes to read everything. What is wrong is in the report.
    fn verify<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        whole::report(py, detach(py, || self.0.verify())?)
    }

    /// What the runtime has done since it was opened, as Metrics. Also after it was closed.
    fn metrics<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(metrics::metrics(py, &detach(py, || self.0.metrics()))?)
    }

    /// The metrics in the text format of Prometheus: names begin with `facetbox_`, times are in seconds.
    fn metrics_text(&self, py: Python<'_>) -> String {
        detach(py, || self.0.metrics_text())
    }

    /// A Worker Loader with a cache of its own.
    fn loader(&self) -> Loader {
        Loader(self.0.loader())
    }

    /// Ends every object, closes every database and stops the threads. Closing again does nothing.
    ///
    /// Calls that are going on raise ClosedError, as does everything called afterwards.
    fn close(&self, py: Python<'_>) {
        self.1.store(true, Ordering::Relaxed);
        detach(py, || self.0.close());
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl Runtime {
    /// Core's.
    pub fn core(&self) -> &facetbox::Runtime {
        &self.0
    }
}

impl Drop for Runtime {
    /// Closes on another thread: a finalizer runs wherever the last reference goes, and closing waits
    /// for threads that may need the GIL.
    fn drop(&mut self) {
        if !self.1.load(Ordering::Relaxed) {
            enter(|py| warn_unclosed(py, &self.0));
        }
        let runtime = self.0.clone();
        let _ =
            std::thread::Builder::new().name("facetbox-close".into()).spawn(move || drop(runtime));
    }
}

fn warn_unclosed(py: Python<'_>, runtime: &facetbox::Runtime) {
    let text = CString::new(format!("unclosed {runtime:?}")).unwrap_or_default();
    if let Err(error) = PyErr::warn(py, &py.get_type::<PyResourceWarning>(), &text, 1) {
        // Warnings are errors, which a finalizer can't raise.
        error.write_unraisable(py, None);
    }
}
