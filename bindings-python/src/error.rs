//! Errors both ways: core's and Python's exceptions.

use std::cell::Cell;

use facetbox::{Error, ErrorCode};
use pyo3::exceptions::{PyBaseException, PyKeyboardInterrupt};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTraceback};

use crate::aio::Home;
use crate::interpreter::enter;
use crate::to_python;

/// What a function of this crate fails with; `?` makes it of either kind and either kind of it.
pub enum Failure {
    /// An exception of Python.
    Python(PyErr),
    /// An error of core.
    Core(Error),
}

/// The result of every fallible function of this crate.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Failure {
        Failure::Python(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Core(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::Python(error) => error,
            Failure::Core(error) => Python::attach(|py| raised(py, &error)),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Python(error) => enter(|py| to_core(py, error)).unwrap_or_else(shutting_down),
            Failure::Core(error) => error,
        }
    }
}

/// Runs Python code on behalf of core, on any thread.
pub fn attach<T>(code: impl FnOnce(Python<'_>) -> Result<T>) -> facetbox::Result<T> {
    let done = enter(|py| code(py).map_err(Error::from));
    done.unwrap_or_else(|| Err(shutting_down()))
}

/// Runs the handlers of signals that have come: how a call of the main thread is interrupted.
pub fn check_signals() -> facetbox::Result<()> {
    attach(|py| Ok(py.check_signals()?))
}

fn shutting_down() -> Error {
    Error::new(ErrorCode::Closed, "The interpreter is shutting down.")
}

/// An error about a wrong argument.
pub fn invalid_argument(message: impl Into<String>) -> Failure {
    Failure::Core(Error::type_error(message))
}

/// A number that must not be below `least`; `name` is what the caller calls it.
pub fn at_least<T: TryFrom<i64>>(name: &str, number: i64, least: i64) -> Result<T> {
    let fits = T::try_from(number).ok().filter(|_| number >= least);
    fits.ok_or_else(|| invalid_argument(format!("{name} must be {least} or more, got {number}.")))
}

/// An exception on its way through core, with the traceback it came with: raising it adds to that,
/// and one exception may come out many times.
struct Raised {
    exception: Py<PyBaseException>,
    traceback: Option<Py<PyTraceback>>,
}

/// The exception for an error: the very one that a host class or host function raised, else one of
/// the class that the code names.
pub fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let found = error.host_exception().and_then(|any| any.downcast_ref::<Raised>());
    let Some(Raised { exception, traceback }) = found else {
        return exception(error, py).map_or_else(|failed| failed, PyErr::from_value);
    };
    let error = PyErr::from_value(exception.bind(py).clone().into_any());
    error.set_traceback(py, traceback.as_ref().map(|traceback| traceback.bind(py).clone()));
    error
}

/// Logs that an alarm's handler has failed, which nobody else hears of. What the runtime's end cuts short isn't the handler's.
pub fn log_alarm(done: &facetbox::Result<()>) {
    let Err(error) = done else { return };
    if error.code() == ErrorCode::Closed {
        return;
    }
    enter(|py| {
        let problem = raised(py, error);
        if problem.is_instance_of::<PyKeyboardInterrupt>(py) {
            INTERRUPT.set(Some(error.clone()));
        }
        let log = || {
            let logger = py.import("logging")?.call_method1("getLogger", ("facetbox",))?;
            let details = PyDict::new(py);
            details.set_item("exc_info", problem.into_value(py))?;
            let message = "an alarm's handler has failed";
            logger.call_method("error", (message,), Some(&details)).map(drop)
        };
        if let Err(failed) = log() {
            failed.write_unraisable(py, None);
        }
    });
}

thread_local! {
    /// Ctrl-C that has ended an alarm's handler on this thread, and no more than that.
    static INTERRUPT: Cell<Option<Error>> = const { Cell::new(None) };
}

/// Answers with Ctrl-C once it has ended an alarm's handler on this thread, for whoever fires alarms here.
pub fn take_interrupt() -> facetbox::Result<()> {
    INTERRUPT.take().map_or(Ok(()), Err)
}

/// An exception object with everything that the error says. Causes go this way only: those of Python's
/// exceptions are no business of guests.
pub fn exception<'py>(error: &Error, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import(intern!(py, "facetbox._errors"))?.getattr(error.code().class())?;
    let (name, code) = (error.name(), error.code().name());
    let object = class.call1((error.message(), name, code, error.stack(), error.path()))?;
    if let Some(cause) = error.cause() {
        let cause = to_python::value(py, cause.clone(), &Home::Caller).map_err(PyErr::from)?;
        if cause.is_instance_of::<PyBaseException>() {
            object.setattr(intern!(py, "__cause__"), &cause)?;
        }
        object.setattr(intern!(py, "cause"), cause)?;
    }
    Ok(object)
}

/// The error for an exception that leaves a host class or host function. Guests see the class's
/// name and the text; the exception itself comes out where nobody caught it.
fn to_core(py: Python<'_>, error: PyErr) -> Error {
    let core = describe(error.value(py));
    let traceback = error.traceback(py).map(Bound::unbind);
    core.with_host(std::sync::Arc::new(Raised { exception: error.into_value(py), traceback }))
}

/// What an exception says, as core's error. What can't be read of it is left out.
pub fn describe(exception: &Bound<'_, PyBaseException>) -> Error {
    let py = exception.py();
    let text = |name| exception.getattr(name).ok()?.extract::<String>().ok();
    let code = match py.import(intern!(py, "facetbox._errors")) {
        Ok(errors) if is_ours(exception, &errors) => text("code"),
        _ => None,
    };
    let Some(code) = code.and_then(|name| ErrorCode::from_name(&name)) else {
        let name = exception.get_type().name();
        let name = name.map_or_else(|_| "Error".to_owned(), |name| name.to_string());
        let message = exception.str().map(|text| text.to_string_lossy().into_owned());
        return Error::guest(name, message.unwrap_or_default());
    };
    let name = text("name").unwrap_or_else(|| code.guest_name().to_owned());
    let error = Error::named(code, name, text("message").unwrap_or_default());
    let error = error.with_stack(text("stack").unwrap_or_default());
    match text("path") {
        Some(path) => error.with_path(path),
        None => error,
    }
}

fn is_ours(exception: &Bound<'_, PyBaseException>, errors: &Bound<'_, PyModule>) -> bool {
    let root = errors.getattr(intern!(errors.py(), "Error"));
    root.and_then(|root| exception.is_instance(&root)).unwrap_or(false)
}
