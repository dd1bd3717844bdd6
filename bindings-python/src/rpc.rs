//! Functions and objects that a guest has passed by reference.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::aio::Home;
use crate::error::{Result, check_signals};
use crate::interpreter::detach;
use crate::{from_python, to_python};

/// A function, or an object with methods, that a guest has passed in arguments or a result.
///
/// `stub(1, 2)` calls a function, `stub.method(1, 2)` a method of an object. It works while the instance that
/// has made it runs, and raises AbortedError once that has hibernated, was aborted or hit a limit. The guest
/// keeps it until it is forgotten here.
#[pyclass(frozen, module = "facetbox")]
pub struct RpcStub(pub facetbox::RpcStub);

#[pymethods]
impl RpcStub {
    /// Calls the function and returns its answer.
    ///
    /// Raises what the function raises, and the subclass of Error for what stands in its way.
    #[pyo3(signature = (*args))]
    fn __call__<'py>(&self, args: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        self.invoke(None, args)
    }

    fn __getattr__(slf: Bound<'_, Self>, name: String) -> PyResult<RpcMethod> {
        if name.starts_with('_') {
            return Err(PyAttributeError::new_err(format!("A stub has no attribute '{name}'.")));
        }
        Ok(RpcMethod { stub: slf.unbind(), name })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl RpcStub {
    fn invoke<'py>(
        &self,
        method: Option<&str>,
        args: &Bound<'py, PyTuple>,
    ) -> Result<Bound<'py, PyAny>> {
        let py = args.py();
        let answer = self.0.call(method, from_python::args(args, &Home::Caller)?);
        let answer = detach(py, || self.0.block_on(answer, check_signals))?;
        to_python::value(py, answer, &Home::Caller)
    }
}

/// A method of an object, to be called.
#[pyclass(frozen, module = "facetbox._native")]
pub struct RpcMethod {
    stub: Py<RpcStub>,
    name: String,
}

#[pymethods]
impl RpcMethod {
    #[pyo3(signature = (*args))]
    fn __call__<'py>(&self, args: &Bound<'py, PyTuple>) -> Result<Bound<'py, PyAny>> {
        self.stub.get().invoke(Some(&self.name), args)
    }

    fn __repr__(&self) -> String {
        format!("RpcMethod({:?}, {:?})", self.stub.get().0, self.name)
    }
}
