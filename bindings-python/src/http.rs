//! Request and Response, as the Fetch standard shapes them, with whole bodies.

use facetbox::Error;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use crate::error::{Result, invalid_argument};
use crate::headers::Headers;

const TEXT: &str = "text/plain;charset=UTF-8";

/// A request: method, absolute URL, headers and a whole body.
///
/// `Request(request, ...)` copies one and replaces what else is given.
#[pyclass(frozen, module = "facetbox")]
pub struct Request {
    core: facetbox::Request,
    headers: Py<Headers>,
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (input, /, *, method=None, headers=None, body=None))]
    fn new(
        input: &Bound<'_, PyAny>,
        method: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyAny>>,
    ) -> Result<Request> {
        Request::from_core(input.py(), Request::build(input, method, headers, body)?)
    }

    /// The method, such as `GET`.
    #[getter]
    fn method(&self) -> &str {
        self.core.method()
    }

    /// The absolute URL, normalised.
    #[getter]
    fn url(&self) -> &str {
        self.core.url()
    }

    /// The header fields.
    #[getter]
    fn headers(&self, py: Python<'_>) -> Py<Headers> {
        self.headers.clone_ref(py)
    }

    /// The body; None where there is none.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.core.body.as_deref().map(|body| PyBytes::new(py, body))
    }

    /// The body as text; invalid UTF-8 is replaced.
    fn text(&self) -> String {
        text(self.core.body.as_deref())
    }

    /// The body parsed as JSON. Raises json.JSONDecodeError if it isn't.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json(py, self.text())
    }

    fn __repr__(&self) -> String {
        format!("<Request {} {}>", self.core.method(), self.core.url())
    }
}

impl Request {
    /// Wraps a request of core.
    pub fn from_core(py: Python<'_>, mut core: facetbox::Request) -> Result<Request> {
        let headers = Py::new(py, Headers::from_core(std::mem::take(&mut core.headers)))?;
        Ok(Request { core, headers })
    }

    /// A request of core from what the constructor and `Stub.fetch` take.
    pub fn build(
        input: &Bound<'_, PyAny>,
        method: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyAny>>,
    ) -> Result<facetbox::Request> {
        let mut request = match (input.cast::<Request>(), method) {
            (Ok(given), None) => given.get().to_core(),
            (Ok(given), Some(method)) => given.get().with_method(method)?,
            (Err(_), method) => {
                let url = input.cast::<PyString>().map_err(PyErr::from)?;
                facetbox::Request::new(method.unwrap_or("GET"), url.to_str()?)?
            }
        };
        if let Some(headers) = headers {
            request.headers = Headers::read(headers)?;
        }
        if let Some(body) = body {
            request.body = Some(read_body(body, &mut request.headers)?);
        }
        Ok(request)
    }

    /// The request as core has it, with the headers as they are now.
    pub fn to_core(&self) -> facetbox::Request {
        let mut request = self.core.clone();
        request.headers = self.headers.get().to_core();
        request
    }

    fn with_method(&self, method: &str) -> Result<facetbox::Request> {
        let mut request = facetbox::Request::new(method, self.core.url())?;
        request.headers = self.headers.get().to_core();
        request.body = self.core.body.clone();
        Ok(request)
    }
}

/// A response: status, headers and a whole body.
#[pyclass(frozen, module = "facetbox")]
pub struct Response {
    core: facetbox::Response,
    headers: Py<Headers>,
}

#[pymethods]
impl Response {
    #[new]
    #[pyo3(signature = (body=None, /, *, status=200, headers=None))]
    fn new(
        py: Python<'_>,
        body: Option<&Bound<'_, PyAny>>,
        status: i64,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> Result<Response> {
        // A status that doesn't fit is refused as 0 is.
        let mut core = facetbox::Response::new(u16::try_from(status).unwrap_or(0))?;
        if let Some(headers) = headers {
            core.headers = Headers::read(headers)?;
        }
        core.body = body.map(|body| read_body(body, &mut core.headers)).transpose()?;
        Response::from_core(py, core)
    }

    /// The status code.
    #[getter]
    fn status(&self) -> u16 {
        self.core.status()
    }

    /// Whether the status is in the range 200 to 299.
    #[getter]
    fn ok(&self) -> bool {
        self.core.ok()
    }

    /// The header fields.
    #[getter]
    fn headers(&self, py: Python<'_>) -> Py<Headers> {
        self.headers.clone_ref(py)
    }

    /// The body; None where there is none.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.core.body.as_deref().map(|body| PyBytes::new(py, body))
    }

    /// The body as text; invalid UTF-8 is replaced.
    fn text(&self) -> String {
        text(self.core.body.as_deref())
    }

    /// The body parsed as JSON. Raises json.JSONDecodeError if it isn't.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json(py, self.text())
    }

    fn __repr__(&self) -> String {
        format!("<Response {}>", self.core.status())
    }
}

impl Response {
    /// Wraps a response of core.
    pub fn from_core(py: Python<'_>, mut core: facetbox::Response) -> Result<Response> {
        let headers = Py::new(py, Headers::from_core(std::mem::take(&mut core.headers)))?;
        Ok(Response { core, headers })
    }

    /// The response of core that a handler answered.
    pub fn expect(answer: &Bound<'_, PyAny>, handler: &str) -> Result<facetbox::Response> {
        let Ok(response) = answer.cast::<Response>() else {
            let kind = answer.get_type().fully_qualified_name()?;
            return Err(invalid_argument(format!("{handler} must return a Response, got {kind}.")));
        };
        Ok(response.get().to_core())
    }

    /// The response as core has it, with the headers as they are now.
    pub fn to_core(&self) -> facetbox::Response {
        let mut core = self.core.clone();
        core.headers = self.headers.get().to_core();
        core
    }
}

/// Reads a body; text gets a content type unless there is one.
fn read_body(body: &Bound<'_, PyAny>, headers: &mut facetbox::Headers) -> Result<Vec<u8>> {
    if let Ok(text) = body.cast::<PyString>() {
        if !headers.has("content-type") {
            headers.set("content-type", TEXT)?;
        }
        return Ok(text.to_str()?.as_bytes().to_vec());
    }
    if let Ok(bytes) = body.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    if let Ok(bytes) = body.cast::<PyByteArray>() {
        return Ok(bytes.to_vec());
    }
    let kind = body.get_type().fully_qualified_name()?;
    Err(Error::type_error(format!("A body must be str, bytes or None, got {kind}.")).into())
}

fn text(body: Option<&[u8]>) -> String {
    String::from_utf8_lossy(body.unwrap_or_default()).into_owned()
}

fn json(py: Python<'_>, text: String) -> PyResult<Bound<'_, PyAny>> {
    py.import(intern!(py, "json"))?.call_method1(intern!(py, "loads"), (text,))
}
