//! The runtime: one data directory, its namespaces and threads.

mod dir;
mod inner;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::inner::{CHECK_EVERY, RuntimeInner};
use crate::actor::{Class, Event};
use crate::alarm::Alarms;
use crate::clock::ManualClock;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Engine;
use crate::limits::LimitsPatch;
use crate::loader::Loader;
use crate::medium::{Medium, System};
use crate::namespace::{Namespace, NamespaceOptions};
use crate::storage::Durability;
use crate::tail::TailReceiver;

/// How a runtime is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The data directory, made if it is missing. `None` or `":memory:"` keeps nothing.
    pub path: Option<PathBuf>,
    /// When an answer may leave. Default: after its writes are on disk.
    pub durability: Durability,
    /// Limits of guests, in place of the defaults.
    pub limits: LimitsPatch,
    /// A clock in place of the wall clock, for tests.
    pub clock: Option<ManualClock>,
    /// Who fires alarms. Default: the runtime.
    pub alarms: Alarms,
    /// Instances without events are dropped after so many milliseconds; the next event starts them
    /// again. Default 10,000. With 0 they are dropped when the runtime looks next, within some milliseconds.
    pub idle_ms: Option<u64>,
    /// More instances than this are not kept: those used least recently are dropped earlier, as they are when the
    /// process has few file descriptors left. Default 1,000; 0 counts as 1.
    pub max_warm: Option<usize>,
    /// Threads that poll futures which no caller polls. Default: one per core.
    pub threads: Option<usize>,
    /// The engines that guest code may ask for; modules for others are refused with UNSUPPORTED when
    /// they are loaded. Default: all that this build contains.
    pub engines: Option<Vec<Engine>>,
    /// Who gets the tail events of everything that runs. Default: nobody, and then they cost nothing.
    pub on_tail: Option<TailReceiver>,
}

/// An open data directory. Cloning is cheap; the last clone that is dropped closes it.
///
/// Namespaces and stubs don't keep it open: after `close` they answer CLOSED.
#[derive(Clone)]
pub struct Runtime(Arc<Owner>);

struct Owner(Arc<RuntimeInner>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Runtime {
    /// Opens a data directory with default options.
    ///
    /// # Errors
    /// As [`Runtime::open_with`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Runtime> {
        Runtime::open_with(Options { path: Some(path.into()), ..Options::default() })
    }

    /// Opens a runtime that keeps nothing.
    ///
    /// # Errors
    /// None in practice.
    pub fn open_in_memory() -> Result<Runtime> {
        Runtime::open_with(Options::default())
    }

    /// Opens a runtime.
    ///
    /// # Errors
    /// IN_USE if another runtime has the directory open, naming its process; STORAGE if it can't be
    /// made or written; CORRUPT if it belongs to something else or a newer version.
    pub fn open_with(options: Options) -> Result<Runtime> {
        Runtime::open_on(options, Arc::new(System))
    }

    /// Opens a runtime whose commit log is written there.
    pub(crate) fn open_on(options: Options, medium: Arc<dyn Medium>) -> Result<Runtime> {
        Ok(Runtime(Arc::new(Owner(RuntimeInner::open(options, medium)?))))
    }

    /// Binds a name to a class, with default options.
    ///
    /// # Errors
    /// As [`Runtime::namespace_with`].
    pub fn namespace(&self, name: &str, class: Class) -> Result<Namespace> {
        self.namespace_with(name, class, NamespaceOptions::default())
    }

    /// Binds a name to a class. The name decides where the objects' data is; binding it again in
    /// another process or version of the program finds the same objects.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a name that is empty, has a NUL or is bound already; CLOSED; FORKED.
    pub fn namespace_with(
        &self,
        name: &str,
        class: Class,
        options: NamespaceOptions,
    ) -> Result<Namespace> {
        let bound = self.0.0.bind(vec![(name.to_owned(), class)], &options)?;
        Ok(bound.into_iter().next().expect("one for each class"))
    }

    /// The namespace bound to `name`.
    ///
    /// # Errors
    /// NOT_FOUND, CLOSED, FORKED.
    pub fn get_namespace(&self, name: &str) -> Result<Namespace> {
        self.0.0.check_open()?;
        self.0.0.namespace(name).ok_or_else(|| {
            let message = format!("There is no namespace {name:?}; bind it to a class first.");
            Error::new(ErrorCode::NotFound, message)
        })
    }

    /// Fires the alarms that are due, one after the other, and answers how many handlers ran. For
    /// runtimes whose alarms are [`Alarms::Manual`], and for tests with a [`ManualClock`]. Each actor's fires once: one that
    /// its handler sets to a time that is past fires in the next call.
    ///
    /// Blocks until the handlers have ended. Runs them on this thread, as a blocking call does.
    ///
    /// # Errors
    /// CLOSED, FORKED, STORAGE.
    pub fn run_due_alarms(&self) -> Result<u64> {
        self.0.0.executor.block_on(self.run_due_alarms_async())
    }

    /// As [`Runtime::run_due_alarms`], for callers that must not block.
    pub fn run_due_alarms_async(&self) -> impl Future<Output = Result<u64>> + Send + use<> {
        let (inner, caller) = (self.0.0.clone(), Event::current());
        async move {
            inner.check_open()?;
            inner.alarms.run_due(&inner, caller).await
        }
    }

    pub(crate) fn inner(&self) -> &Arc<RuntimeInner> {
        &self.0.0
    }

    /// A Worker Loader with a cache of its own.
    pub fn loader(&self) -> Loader {
        Loader::new(&self.0.0)
    }

    /// Ends every object, closes every database and stops the threads. Calls that are going on end
    /// with CLOSED, as does everything called afterwards. Closing again does nothing.
    ///
    /// Blocks until the threads have ended, unless it is called from one of them.
    pub fn close(&self) {
        self.0.0.close();
    }

    /// Runs a future to its end: on this thread while it has 1 MiB of stack, else on one of the runtime's
    /// own. Calls `check` every 50 ms while it waits; an error of `check` drops the future and is the
    /// answer: how bindings see signals.
    ///
    /// # Errors
    /// What the future or `check` answers; CLOSED.
    pub fn block_on<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
        check: impl FnMut() -> Result<()>,
    ) -> Result<T> {
        self.0.0.block_on(task, check)
    }

    /// Runs a future to its end as the blocking calls do: how bindings wait for one and something else.
    ///
    /// # Errors
    /// What the future answers; CLOSED.
    pub fn wait_for<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.0.executor.block_on(task)
    }

    /// Runs `task` on the runtime's own threads.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.0.spawn(task);
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What keeps nothing has the root directory.
        let root = &self.0.0.root;
        let root = if root.parent().is_none() { Path::new(":memory:") } else { root };
        write!(f, "Runtime({root:?})")
    }
}
