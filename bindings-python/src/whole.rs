//! Objects as a whole: what listing, measuring, querying and verifying answer.

use std::collections::VecDeque;

use facetbox::{ObjectInfo, QueryRows, Report, Usage};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use crate::aio::Home;
use crate::error::Result;
use crate::interpreter::detach;
use crate::namespace::ObjectId;
use crate::to_python;

/// How many objects an iterator reads at once.
const PAGE: usize = 1_000;

/// The objects of a namespace, read page by page.
#[pyclass(frozen, module = "facetbox")]
pub struct ObjectIterator {
    namespace: facetbox::Namespace,
    page: Mutex<Page>,
}

#[derive(Default)]
struct Page {
    infos: VecDeque<ObjectInfo>,
    last: Option<facetbox::ObjectId>,
    ended: bool,
}

impl ObjectIterator {
    /// An iterator over all objects.
    pub fn new(namespace: &facetbox::Namespace) -> ObjectIterator {
        ObjectIterator { namespace: namespace.clone(), page: Mutex::default() }
    }

    fn next(&self) -> facetbox::Result<Option<ObjectInfo>> {
        let mut page = self.page.lock();
        if page.infos.is_empty() && !page.ended {
            page.infos = self.namespace.list(page.last.as_ref(), PAGE)?.into();
            page.ended = page.infos.len() < PAGE;
            page.last = page.infos.back().map(|info| info.id.clone());
        }
        Ok(page.infos.pop_front())
    }
}

#[pymethods]
impl ObjectIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>> {
        let info = detach(py, || self.next())?;
        info.map(|info| object_info(py, info)).transpose()
    }
}

/// The `facetbox.ObjectInfo` for core's.
pub fn object_info(py: Python<'_>, info: ObjectInfo) -> Result<Bound<'_, PyAny>> {
    static INFO: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = INFO.import(py, "facetbox._whole", "ObjectInfo")?;
    Ok(class.call1((ObjectId::new(info.id), info.name))?)
}

/// The `facetbox.Usage` for core's.
pub fn usage(py: Python<'_>, usage: Usage) -> Result<Bound<'_, PyAny>> {
    static USAGE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = USAGE.import(py, "facetbox._whole", "Usage")?;
    let counts = [
        usage.storage_bytes,
        usage.facets,
        usage.events,
        usage.cpu_ms,
        usage.rows_read,
        usage.rows_written,
        usage.bytes_in,
        usage.bytes_out,
        usage.subrequests,
    ];
    Ok(class.call1(PyTuple::new(py, counts)?)?)
}

/// The `facetbox.QueryRows` for core's.
pub fn query_rows(py: Python<'_>, answer: QueryRows) -> Result<Bound<'_, PyAny>> {
    static ROWS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = ROWS.import(py, "facetbox._whole", "QueryRows")?;
    let rows = answer.rows.into_iter().map(|row| to_python::list(py, row, &Home::Caller));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Ok(class.call1((answer.columns, rows, answer.truncated))?)
}

/// The `facetbox.Report` for core's.
pub fn report(py: Python<'_>, report: Report) -> Result<Bound<'_, PyAny>> {
    static REPORT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static PROBLEM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = PROBLEM.import(py, "facetbox._whole", "Problem")?;
    let problems =
        report.problems.into_iter().map(|found| class.call1((found.path, found.message)));
    let problems = problems.collect::<PyResult<Vec<_>>>()?;
    let class = REPORT.import(py, "facetbox._whole", "Report")?;
    Ok(class.call1((report.objects, report.databases, report.leftovers, problems))?)
}
