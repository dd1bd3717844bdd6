//! Headers, as the Fetch standard shapes them.

use parking_lot::Mutex;
use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyString};

use crate::error::{Failure, Result, invalid_argument};

/// A list of header fields. Names are compared without regard to case and kept in lower case.
///
/// Made from a mapping, from pairs of names and values, or from other Headers.
#[pyclass(frozen, module = "facetbox")]
pub struct Headers(Mutex<facetbox::Headers>);

#[pymethods]
impl Headers {
    #[new]
    #[pyo3(signature = (init=None, /))]
    fn new(init: Option<&Bound<'_, PyAny>>) -> Result<Headers> {
        let headers = init.map(Headers::read).transpose()?;
        Ok(Headers::from_core(headers.unwrap_or_default()))
    }

    /// The values of `name` joined by `", "`, or `default` if there is none.
    #[pyo3(signature = (name, default=None))]
    fn get(&self, name: &str, default: Option<String>) -> Option<String> {
        self.0.lock().get(name).or(default)
    }

    /// Replaces every field `name` by one.
    ///
    /// Raises InvalidArgument for what HTTP can't carry.
    fn set(&self, name: &str, value: &str) -> Result<()> {
        Ok(self.0.lock().set(name, value)?)
    }

    /// Adds a field beside those of the same name.
    fn append(&self, name: &str, value: &str) -> Result<()> {
        Ok(self.0.lock().append(name, value)?)
    }

    /// Removes every field `name`.
    fn delete(&self, name: &str) {
        self.0.lock().delete(name);
    }

    /// The fields in order.
    fn items(&self) -> Vec<(String, String)> {
        self.0.lock().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The names in order, each once.
    fn keys(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, _) in self.items() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn __getitem__(&self, name: &str) -> PyResult<String> {
        self.0.lock().get(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __setitem__(&self, name: &str, value: &str) -> Result<()> {
        self.set(name, value)
    }

    fn __delitem__(&self, name: &str) -> PyResult<()> {
        self.__getitem__(name)?;
        self.delete(name);
        Ok(())
    }

    fn __contains__(&self, name: &str) -> bool {
        self.0.lock().has(name)
    }

    fn __len__(&self) -> usize {
        self.keys().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.keys())?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!("Headers({:?})", self.items())
    }
}

impl Headers {
    /// Wraps headers of core.
    pub fn from_core(headers: facetbox::Headers) -> Headers {
        Headers(Mutex::new(headers))
    }

    /// A copy of core's headers behind it.
    pub fn to_core(&self) -> facetbox::Headers {
        self.0.lock().clone()
    }

    /// Reads headers from what the constructor takes.
    pub fn read(init: &Bound<'_, PyAny>) -> Result<facetbox::Headers> {
        if let Ok(headers) = init.cast::<Headers>() {
            return Ok(headers.get().to_core());
        }
        let pairs = match init.hasattr(intern!(init.py(), "keys"))? {
            true => init.call_method0(intern!(init.py(), "items"))?,
            false => init.clone(),
        };
        let pairs = pairs.try_iter().map_err(|_| not_headers(init))?;
        let mut headers = facetbox::Headers::new();
        for pair in pairs {
            let (name, value) = field(&pair?)?;
            headers.append(&name, &value)?;
        }
        Ok(headers)
    }
}

/// The name and the value of a pair, which may be any iterable but a text.
fn field(pair: &Bound<'_, PyAny>) -> Result<(String, String)> {
    let mut both = match pair.is_instance_of::<PyString>() {
        true => Vec::new(),
        false => {
            pair.try_iter().map(|both| both.collect::<PyResult<Vec<_>>>()).unwrap_or(Ok(vec![]))?
        }
    };
    let (Some(value), Some(name), true) = (both.pop(), both.pop(), both.is_empty()) else {
        let pair = pair.repr()?;
        return Err(invalid_argument(format!(
            "A header must be a pair of a name and a value, got {pair}."
        )));
    };
    let text = |object: &Bound<'_, PyAny>, what: &str| match object.cast::<PyString>() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(_) => Err(invalid_argument(format!(
            "The {what} of a header must be a str, got {} in {}.",
            object.get_type().name()?,
            pair.repr()?
        ))),
    };
    Ok((text(&name, "name")?, text(&value, "value")?))
}

fn not_headers(init: &Bound<'_, PyAny>) -> Failure {
    let kind = init.get_type().name().map_or_else(|_| "it".to_owned(), |name| name.to_string());
    invalid_argument(format!("Headers are made from a mapping, pairs or Headers, got {kind}."))
}
