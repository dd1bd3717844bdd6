//! Deployments: whole modules that the platform trusts.

use pyo3::prelude::*;

use crate::error::{Result, check_signals};
use crate::http::{Request, Response};
use crate::interpreter::detach;
use crate::namespace::Namespace;
use crate::stub::Stub;

/// A module that runs under a name: its classes are namespaces, its default export answers requests.
///
/// All handles of one name see the version that was deployed last.
#[pyclass(frozen, module = "facetbox")]
pub struct Deployment(pub facetbox::Deployment);

#[pymethods]
impl Deployment {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The classes that it exports, sorted.
    #[getter]
    fn class_names(&self) -> Vec<String> {
        self.0.class_names()
    }

    /// The namespace of an exported class. Its name is `name/class_name`.
    ///
    /// Raises NotFoundError, which tells the classes that there are.
    fn namespace(&self, class_name: &str) -> Result<Namespace> {
        Ok(Namespace(self.0.namespace(class_name)?))
    }

    /// A stub of an exported entrypoint. It keeps to the code that is deployed now.
    ///
    /// Raises NotFoundError if there is none.
    #[pyo3(signature = (name="default"))]
    fn get_entrypoint(&self, name: &str) -> Result<Stub> {
        Ok(Stub(self.0.get_entrypoint(name)?))
    }

    /// The stub through which requests go: of the default export as it is deployed now.
    ///
    /// Raises NotFoundError if there is no default export with a fetch handler.
    fn fetcher(&self) -> Result<Stub> {
        Ok(Stub(self.0.fetcher()?))
    }

    /// Sends a request, or one made of a URL and the other arguments, to the default export's fetch
    /// handler and returns the response. Raises as `Stub.fetch` and `fetcher` do.
    #[pyo3(signature = (input, /, *, method=None, headers=None, body=None))]
    fn fetch(
        &self,
        py: Python<'_>,
        input: &Bound<'_, PyAny>,
        method: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyAny>>,
    ) -> Result<Response> {
        let answer = self.0.fetch(Request::build(input, method, headers, body)?);
        let fetcher = self.0.fetcher()?;
        Response::from_core(py, detach(py, || fetcher.block_on(answer, check_signals))?)
    }

    fn __repr__(&self) -> String {
        format!("Deployment({:?})", self.0.name())
    }
}
