//! When threads may be in the interpreter: what its end waits for.
//!
//! Until Python 3.14 a thread that wants the GIL while the interpreter finalizes is ended there and then, by unwinding
//! what is above it, which no frame of Rust survives. So the last thing before that is to let nobody in any more, and
//! to wait for those who are inside or on their way back.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// How long the end waits for threads that stay, in code of the host above all.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(1);

static INSIDE: AtomicUsize = AtomicUsize::new(0);
static ENDING: AtomicBool = AtomicBool::new(false);
/// The process that the threads belong to: a fork leaves them behind.
static PROCESS: OnceLock<u32> = OnceLock::new();

/// Notes the process that imports the module.
pub fn begin() {
    PROCESS.get_or_init(process::id);
}

/// One thread that the end has to wait for.
struct Inside;

impl Inside {
    fn new() -> Inside {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs Python code on any thread, unless the interpreter is ending.
pub fn enter<T>(code: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::new();
    if ENDING.load(Ordering::SeqCst) { None } else { Python::try_attach(code) }
}

/// Runs code without the GIL, and comes back.
pub fn detach<T: Ungil>(py: Python<'_>, code: impl FnOnce() -> T + Ungil) -> T {
    let _inside = Inside::new();
    py.detach(code)
}

/// Lets nobody in any more and waits for those who are inside. Called at exit, when all runtimes are closed.
#[pyfunction(name = "_end")]
pub fn end(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    if PROCESS.get().is_some_and(|owner| *owner != process::id()) {
        return;
    }
    py.detach(|| {
        let limit = Instant::now() + PATIENCE;
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < limit {
            std::thread::sleep(PAUSE);
        }
    });
}
