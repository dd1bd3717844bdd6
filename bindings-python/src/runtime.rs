//! The runtime: one data directory, its namespaces and threads.

use std::path::PathBuf;

use facetbox::{Alarms, Durability, NamespaceOptions, Options};
use pyo3::prelude::*;

use crate::class::class;
use crate::clock::ManualClock;
use crate::error::{Result, invalid_argument};
use crate::from_python;
use crate::loader::{Loader, limits_patch};
use crate::namespace::Namespace;

/// An open data directory, made by `open`. Leaving its `with` block closes it.
///
/// Namespaces and stubs don't keep it open: after `close` they raise ClosedError.
#[pyclass(frozen, weakref, module = "facetbox")]
pub struct Runtime(facetbox::Runtime);

/// Opens a runtime; what `facetbox.open` is made of.
#[pyfunction]
#[pyo3(signature = (path, durability, limits, clock, alarms, threads))]
pub fn open_runtime(
    py: Python<'_>,
    path: Option<PathBuf>,
    durability: &str,
    limits: Option<&Bound<'_, PyAny>>,
    clock: Option<&Bound<'_, ManualClock>>,
    alarms: &str,
    threads: Option<usize>,
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
    if threads == Some(0) {
        return Err(invalid_argument("threads must be above 0."));
    }
    let limits = limits_patch(limits)?;
    let clock = clock.map(|clock| clock.get().0.clone());
    let options =
        Options { path, durability, limits, clock, alarms, threads, ..Options::default() };
    Ok(Runtime(py.detach(|| facetbox::Runtime::open_with(options))?))
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
        let env = env.map(from_python::env).transpose()?;
        let options = NamespaceOptions { env, limits: limits_patch(limits)? };
        Ok(Namespace(self.0.namespace_with(name, class(cls)?, options)?))
    }

    /// The namespace bound to `name`. Raises NotFoundError if there is none.
    fn get_namespace(&self, name: &str) -> Result<Namespace> {
        Ok(Namespace(self.0.get_namespace(name)?))
    }

    /// Fires the alarms that are due, one after the other, and returns how many handlers ran. For
    /// runtimes whose alarms are manual, and for tests.
    ///
    /// Blocks until the handlers have ended; not for use by an object or facet, whose own alarm would
    /// wait for it. What a handler raises doesn't come out: its alarm is tried again later.
    fn run_due_alarms(&self, py: Python<'_>) -> Result<u64> {
        Ok(py.detach(|| self.0.run_due_alarms())?)
    }

    /// A Worker Loader with a cache of its own.
    fn loader(&self) -> Loader {
        Loader(self.0.loader())
    }

    /// Ends every object, closes every database and stops the threads. Closing again does nothing.
    ///
    /// Calls that are going on raise ClosedError, as does everything called afterwards.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
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

impl Drop for Runtime {
    /// Closes on another thread: a finalizer runs wherever the last reference goes, and closing waits
    /// for threads that may need the GIL.
    fn drop(&mut self) {
        let runtime = self.0.clone();
        let _ =
            std::thread::Builder::new().name("facetbox-close".into()).spawn(move || drop(runtime));
    }
}
