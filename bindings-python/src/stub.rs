//! Stubs: the addresses through which objects, facets and entrypoints are called.

use facetbox::Error;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::aio::Home;
use crate::error::{Result, check_signals};
use crate::http::{Request, Response};
use crate::interpreter::detach;
use crate::namespace::ObjectId;
use crate::{from_python, to_python, whole};

/// The address of an object, a facet or an entrypoint.
///
/// `stub.method(1, 2)` calls a method, whatever its name, unless that starts with `_` or is one of the
/// names below; `stub.call` reaches those, too. Calls block with the GIL released and run on the
/// calling thread.
///
/// A stub binds to the running object at its first use. When that breaks, the stub keeps raising its
/// error; a new stub reaches a new one.
#[pyclass(frozen, module = "facetbox")]
pub struct Stub(pub facetbox::Stub);

#[pymethods]
impl Stub {
    /// The id of the object; None for facets and entrypoints.
    #[getter]
    fn id(&self) -> Option<ObjectId> {
        self.0.id().cloned().map(ObjectId::new)
    }

    /// The name that the object's id was made from.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Calls a method and returns its answer.
    ///
    /// Raises what the method raises, and the subclass of Error for what stands in its way.
    #[pyo3(signature = (method, /, *args))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        args: &Bound<'py, PyTuple>,
    ) -> Result<Bound<'py, PyAny>> {
        let answer = self.0.call(method, from_python::args(args, &Home::Caller)?);
        to_python::value(py, self.wait(py, answer)?, &Home::Caller)
    }

    /// Sends a request, or one made of a URL and the other arguments, and returns the response.
    ///
    /// Raises as `call` does.
    #[pyo3(signature = (input, /, *, method=None, headers=None, body=None))]
    fn fetch(
        &self,
        py: Python<'_>,
        input: &Bound<'_, PyAny>,
        method: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyAny>>,
    ) -> Result<Response> {
        let request = Request::build(input, method, headers, body)?;
        Response::from_core(py, self.wait(py, self.0.fetch(request))?)
    }

    /// Whether the object has data, or the facet exists. Neither is started.
    ///
    /// Raises UnsupportedError for an entrypoint.
    fn exists(&self, py: Python<'_>) -> Result<bool> {
        Ok(detach(py, || self.0.exists())?)
    }

    /// What the object or facet takes with everything below it, as a Usage.
    ///
    /// Raises NotFoundError for a facet that doesn't exist, UnsupportedError for an entrypoint.
    fn usage<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        whole::usage(py, detach(py, || self.0.usage())?)
    }

    fn __getattr__(slf: Bound<'_, Self>, name: String) -> PyResult<StubMethod> {
        if name.starts_with('_') {
            let message = format!("A stub has no attribute '{name}'; see Stub.call().");
            return Err(PyAttributeError::new_err(message));
        }
        Ok(StubMethod { stub: slf.unbind(), name })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl Stub {
    /// Waits without the GIL for an answer, or for a signal whose handler raises.
    fn wait<T: Send + 'static>(
        &self,
        py: Python<'_>,
        answer: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        detach(py, || self.0.block_on(answer, check_signals))
    }
}

/// A method of the object behind a stub, to be called.
#[pyclass(frozen, module = "facetbox")]
pub struct StubMethod {
    stub: Py<Stub>,
    name: String,
}

#[pymethods]
impl StubMethod {
    #[pyo3(signature = (*args))]
    fn __call__<'py>(&self, args: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        self.stub.get().call(args.py(), &self.name, args)
    }

    fn __repr__(&self) -> String {
        format!("StubMethod({:?}, {:?})", self.stub.get().0, self.name)
    }
}
