//! The Worker Loader: guest code in, classes and entrypoints out.

use facetbox::{ExportOptions, LimitsPatch, Outbound, Value, ValueMap};
use pyo3::PyTypeInfo;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::aio::Home;
use crate::class::{DurableObjectClass, shown};
use crate::error::{Result, invalid_argument};
use crate::from_python;
use crate::stub::Stub;

/// Loads guest code; the only way from text to a class.
#[pyclass(frozen, module = "facetbox")]
pub struct Loader(pub facetbox::Loader);

#[pymethods]
impl Loader {
    /// Loads code that isn't cached.
    ///
    /// Errors in modules show at the first use of a class or entrypoint.
    fn load(&self, code: &Bound<'_, PyAny>) -> Result<WorkerStub> {
        Ok(WorkerStub(self.0.load(worker_code(code, &Home::Caller)?)?))
    }

    /// The worker cached as `id`, loaded from the WorkerCode that `callback` returns if there is none.
    ///
    /// With None as the id nothing is cached. A failure isn't either: it shows at the first use of the
    /// worker, and the next `get` tries again.
    fn get(&self, id: Option<&str>, callback: &Bound<'_, PyAny>) -> WorkerStub {
        let cached = id.and_then(|id| self.0.cached(id));
        WorkerStub(cached.unwrap_or_else(|| {
            let code = callback
                .call0()
                .map_err(Into::into)
                .and_then(|code| worker_code(&code, &Home::Caller));
            self.0.insert(id, code.map_err(Into::into))
        }))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Loaded code.
#[pyclass(frozen, module = "facetbox")]
pub struct WorkerStub(pub facetbox::WorkerStub);

#[pymethods]
impl WorkerStub {
    /// The exported class `name`: for a facet, or for a namespace.
    ///
    /// That it exists is checked when it is used. Its instances see `props` as `ctx.props`; `limits`
    /// count where they are lower than those of the code.
    #[pyo3(signature = (name="default", *, props=None, limits=None))]
    fn get_durable_object_class(
        &self,
        name: &str,
        props: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
    ) -> Result<DurableObjectClass> {
        let options = export_options(props, limits, &Home::Caller)?;
        Ok(DurableObjectClass(self.0.get_durable_object_class(name, options)))
    }

    /// A stub of the exported entrypoint `name`, which is stateless: for one-off code.
    #[pyo3(signature = (name="default", *, props=None, limits=None))]
    fn get_entrypoint(
        &self,
        name: &str,
        props: Option<&Bound<'_, PyAny>>,
        limits: Option<&Bound<'_, PyAny>>,
    ) -> Result<Stub> {
        Ok(Stub(self.0.get_entrypoint(name, export_options(props, limits, &Home::Caller)?)?))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Reads limits from a dict with the keys of `facetbox.Limits`.
pub fn limits_patch(limits: Option<&Bound<'_, PyAny>>) -> Result<LimitsPatch> {
    let value =
        limits.map(|limits| from_python::value(limits, "limits", &Home::Caller)).transpose()?;
    Ok(LimitsPatch::from_value(&value.unwrap_or_default())?)
}

/// What `props` and `limits` say, whose code is at home there.
pub fn export_options(
    props: Option<&Bound<'_, PyAny>>,
    limits: Option<&Bound<'_, PyAny>>,
    home: &Home,
) -> Result<ExportOptions> {
    let props = props.map(|props| from_python::value(props, "props", home)).transpose()?;
    Ok(ExportOptions { props: props.unwrap_or_default(), limits: limits_patch(limits)? })
}

/// Core's code for a `facetbox.WorkerCode`, whose functions are at home there.
pub fn worker_code(code: &Bound<'_, PyAny>, home: &Home) -> Result<facetbox::WorkerCode> {
    static CODE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = code.py();
    if !code.is_instance(CODE.import(py, "facetbox._options", "WorkerCode")?)? {
        let kind = code.get_type().fully_qualified_name()?;
        return Err(invalid_argument(format!("The code must be a WorkerCode, got {kind}.")));
    }
    let main = code.getattr(intern!(py, "main_module"))?;
    let given = code.getattr(intern!(py, "modules"))?;
    let modules = PyDict::type_object(py).call1((&given,)).map_err(|_| {
        invalid_argument(format!("modules must map names to sources, got {}.", shown(&given)))
    })?;
    let limits = code.getattr(intern!(py, "limits"))?;
    let tails = PyTuple::type_object(py).call1((code.getattr(intern!(py, "tails"))?,))?;
    let mut core = facetbox::WorkerCode::from_value(Value::Map(ValueMap::from_iter([
        ("mainModule", from_python::value(&main, "main_module", home)?),
        ("modules", from_python::value(&modules, "modules", home)?),
        ("limits", from_python::value(&limits, "limits", home)?),
        ("tails", from_python::value(&tails, "tails", home)?),
    ])))?;
    let env = code.getattr(intern!(py, "env"))?;
    if !env.is_none() {
        core.env = from_python::env(&env, home)?;
    }
    core.global_outbound = outbound(&code.getattr(intern!(py, "global_outbound"))?, home)?;
    Ok(core)
}

fn outbound(handler: &Bound<'_, PyAny>, home: &Home) -> Result<Outbound> {
    let given = from_python::value(handler, "global_outbound", home)?;
    let kind = given.type_name();
    Outbound::from_value(given).map_err(|_| {
        invalid_argument(format!("global_outbound must be a Stub, a callable or None, got {kind}."))
    })
}
