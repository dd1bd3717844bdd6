//! The runtime: one data directory, its namespaces and threads.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_lite::future;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::actor::{Actor, Class, Event, Waits, Warm};
use crate::alarm::{AlarmDriver, Alarms};
use crate::clock::{Clock, ManualClock};
use crate::deploy::Deployment;
use crate::error::{Error, ErrorCode, Result};
use crate::executor::{Executor, closed};
use crate::guest::{Engine, Engines};
use crate::id::ObjectId;
use crate::limits::{Limits, LimitsPatch};
use crate::loader::Loader;
use crate::medium::{Medium, System};
use crate::metrics::Counters;
use crate::namespace::{Namespace, NamespaceOptions};
use crate::process::Process;
use crate::storage::{Disk, Durability, make_durable_dirs, sync_dir};
use crate::tail::{Receiver, TailReceiver};
use crate::timer::Timers;
use crate::value::{Value, ValueMap};

/// The version of the directory's layout.
const FORMAT: &str = "facetbox 2\n";
/// The version before there was a commit log; as long as there is none, nothing else differs.
const FORMAT_1: &str = "facetbox 1\n";

/// FORMAT until it is complete: what a crash in that moment leaves.
const DRAFT: &str = "LOCK.format";
const ALARMS: &str = "alarms.sqlite";
/// What comes or goes as a whole is here while it isn't all there.
const SCRATCH: &str = "tmp";

/// Idle time after which an instance is dropped, as in workerd.
const IDLE_MS: u64 = 10_000;
const MAX_WARM: usize = 1_000;

/// How often a waiting call looks for signals.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(50);

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
    /// again. Default 10,000.
    pub idle_ms: Option<u64>,
    /// More instances than this are not kept: those used least recently are dropped earlier. Default 1,000.
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

pub(crate) struct RuntimeInner {
    pub limits: Limits,
    pub disk: Disk,
    pub executor: Executor,
    pub timers: Timers,
    pub engines: Engines,
    pub waits: Waits,
    pub warm: Warm,
    pub alarms: Arc<AlarmDriver>,
    pub tail: Option<Receiver>,
    pub metrics: Counters,
    root: PathBuf,
    lock: Mutex<Option<File>>,
    namespaces: Mutex<HashMap<String, Namespace>>,
    pub deployments: Mutex<HashMap<String, Deployment>>,
    /// Actors of entrypoints: they belong to no namespace, so closing has to find them here.
    entrypoints: Mutex<Vec<Weak<Actor>>>,
    closed: AtomicBool,
    process: Process,
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
        let path = options.path.filter(|path| path != Path::new(":memory:"));
        let (root, lock, disk) = match path {
            Some(path) => {
                let (root, lock) = open_dir(&path, options.durability)?;
                empty_scratch(&root);
                let disk = Disk::files(&root, options.durability, medium)?;
                (root, Some(lock), disk)
            }
            None => (PathBuf::from("/"), None, Disk::memory()),
        };
        let idle = Duration::from_millis(options.idle_ms.unwrap_or(IDLE_MS));
        let clock = options.clock.map_or(Clock::System, Clock::Manual);
        let index = lock.is_some().then(|| root.join(ALARMS));
        let alarms = AlarmDriver::new(clock, options.alarms, index, options.durability);
        let cores = || std::thread::available_parallelism().map_or(2, usize::from);
        let threads = options.threads.unwrap_or_else(cores);
        let inner = RuntimeInner {
            limits: Limits::default().with(options.limits),
            disk,
            executor: Executor::new(threads),
            timers: Timers::default(),
            engines: Engines::new(options.engines.unwrap_or_else(|| Engine::ALL.to_vec())),
            waits: Waits::default(),
            warm: Warm::new(idle, options.max_warm.unwrap_or(MAX_WARM)),
            alarms: Arc::new(alarms),
            tail: options.on_tail.map(Receiver::new),
            metrics: Counters::default(),
            root,
            lock: Mutex::new(lock),
            namespaces: Mutex::default(),
            deployments: Mutex::default(),
            entrypoints: Mutex::default(),
            closed: AtomicBool::new(false),
            process: Process::current(),
        };
        let inner = Arc::new(inner);
        inner.alarms.attach(&inner);
        Ok(Runtime(Arc::new(Owner(inner))))
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
        self.0.0.namespaces.lock().get(name).cloned().ok_or_else(|| {
            let message = format!("There is no namespace {name:?}; bind it to a class first.");
            Error::new(ErrorCode::NotFound, message)
        })
    }

    /// Fires the alarms that are due, one after the other, and answers how many handlers ran. For
    /// runtimes whose alarms are [`Alarms::Manual`], and for tests with a [`ManualClock`].
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
        write!(f, "Runtime({:?})", self.0.0.root)
    }
}

impl RuntimeInner {
    /// See [`Runtime::block_on`].
    pub fn block_on<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<T> {
        let watch = async {
            loop {
                self.timers.at(Instant::now() + CHECK_EVERY).await;
                check()?;
            }
        };
        self.executor.block_on_or(task, watch)
    }

    /// Starts a task of a binding.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.check_open().is_ok() {
            return self.executor.spawn(task);
        }
        // A forked child has no threads. The first thing that a call does is to fail, which needs none.
        let _ = future::block_on(future::poll_once(task));
    }

    /// Refuses use after close and in a forked child.
    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        if !self.process.is_current() {
            return Err(Error::new(
                ErrorCode::Forked,
                format!(
                    "The runtime was opened in process {}, before a fork; open one in this process.",
                    self.process.id
                ),
            ));
        }
        Ok(())
    }

    /// Where an object's files are: sharded by id, so that no name becomes a path.
    pub fn object_dir(&self, namespace: &str, id: &ObjectId) -> PathBuf {
        let id = id.to_string();
        self.namespace_dir(namespace).join(&id[..2]).join(&id[2..])
    }

    /// Where a namespace's objects are.
    pub fn namespace_dir(&self, namespace: &str) -> PathBuf {
        let hash = Sha256::digest(namespace.as_bytes());
        let namespace: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.objects_dir().join(namespace)
    }

    /// Where the objects of all namespaces are.
    pub fn objects_dir(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// The file of the alarm index.
    pub fn alarms_file(&self) -> PathBuf {
        self.root.join(ALARMS)
    }

    /// Where directories are that come or go: made if it is missing, emptied when the runtime opens.
    pub fn scratch_dir(&self) -> Result<PathBuf> {
        if self.lock.lock().is_none() {
            return Ok(std::env::temp_dir());
        }
        let dir = self.root.join(SCRATCH);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::new(
                ErrorCode::Storage,
                format!("Cannot create the directory {dir:?}: {error}"),
            )),
            _ => Ok(dir),
        }
    }

    /// Whether a directory is within the data directory, or that itself.
    pub fn contains(&self, dir: &Path) -> bool {
        self.lock.lock().is_some()
            && dir.canonicalize().is_ok_and(|dir| dir.starts_with(&self.root))
    }

    /// A directory within the data directory as text.
    pub fn key_of(&self, dir: &Path) -> String {
        let relative = dir.strip_prefix(&self.root).unwrap_or(dir);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }

    /// Binds names to classes: all of them, or none if one can't be.
    pub fn bind(
        self: &Arc<RuntimeInner>,
        classes: Vec<(String, Class)>,
        options: &NamespaceOptions,
    ) -> Result<Vec<Namespace>> {
        let mut namespaces = self.namespaces.lock();
        self.check_open()?;
        for (name, _) in &classes {
            if name.is_empty() || name.contains('\0') {
                let message =
                    format!("A namespace's name must not be empty or contain NUL, got {name:?}.");
                return Err(Error::type_error(message));
            }
            if namespaces.contains_key(name) {
                return Err(Error::type_error(format!("The namespace {name:?} is bound already.")));
            }
        }
        let bind = |(name, class): (String, Class)| {
            let namespace = Namespace::new(self.clone(), &name, class, options.clone());
            namespaces.insert(name, namespace.clone());
            namespace
        };
        let bound: Vec<_> = classes.into_iter().map(bind).collect();
        drop(namespaces);
        bound.iter().for_each(|namespace| self.alarms.bound(namespace.name()));
        Ok(bound)
    }

    /// The namespace that is bound to a name.
    pub fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.lock().get(name).cloned()
    }

    /// What a host class gets as env unless its namespace says otherwise.
    pub fn default_env(self: &Arc<RuntimeInner>) -> ValueMap {
        ValueMap::from_iter([("LOADER", Value::Loader(Loader::new(self)))])
    }

    pub fn add_entrypoint(&self, actor: &Arc<Actor>) {
        let mut entrypoints = self.entrypoints.lock();
        if entrypoints.len() == entrypoints.capacity() {
            entrypoints.retain(|actor| actor.strong_count() > 0);
        }
        entrypoints.push(Arc::downgrade(actor));
    }

    fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        if !self.process.is_current() {
            // A forked child owns neither the threads nor the files.
            return;
        }
        let deployments = std::mem::take(&mut *self.deployments.lock());
        drop(deployments);
        let namespaces = std::mem::take(&mut *self.namespaces.lock());
        namespaces.into_values().for_each(|namespace| namespace.close());
        let entrypoints = std::mem::take(&mut *self.entrypoints.lock());
        entrypoints.iter().filter_map(Weak::upgrade).for_each(|actor| actor.close());
        self.executor.stop();
        self.timers.stop();
        self.engines.stop();
        self.alarms.close();
        if let Some(tail) = &self.tail {
            tail.stop();
        }
        self.disk.close();
        self.lock.lock().take();
    }
}

/// Removes what a crash has left half done.
fn empty_scratch(root: &Path) {
    match fs::remove_dir_all(root.join(SCRATCH)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "temporary files of an earlier run stay");
        }
        _ => {}
    }
}

/// Makes or checks the directory and takes its lock.
fn open_dir(path: &Path, durability: Durability) -> Result<(PathBuf, File)> {
    // Once in the life of a directory: without FORMAT, or its own name, everything in it is lost.
    let durability = if durability == Durability::None { durability } else { Durability::Full };
    let storage = |what: &str, error: std::io::Error| {
        Error::new(
            ErrorCode::Storage,
            format!("Cannot {what} the data directory {path:?}: {error}"),
        )
    };
    std::path::absolute(path)
        .and_then(|path| make_durable_dirs(&path, durability))
        .map_err(|e| storage("create", e))?;
    let root = path.canonicalize().map_err(|e| storage("open", e))?;
    let format = root.join("FORMAT");
    match fs::read_to_string(&format) {
        Ok(text) if text == FORMAT || text == FORMAT_1 => {}
        Ok(text) => {
            let message = format!(
                "{path:?} was written by another version of Facetbox or is not a Facetbox data directory: its FORMAT is {:?}, this version knows {:?}.",
                text.trim(),
                FORMAT.trim()
            );
            return Err(Error::new(ErrorCode::Corrupt, message));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut entries = fs::read_dir(&root).map_err(|e| storage("read", e))?;
            let foreign = entries.find(|entry| {
                entry
                    .as_ref()
                    .is_ok_and(|entry| entry.file_name() != "LOCK" && entry.file_name() != DRAFT)
            });
            if let Some(Ok(entry)) = foreign {
                let message = format!(
                    "{path:?} is not a Facetbox data directory: it has no FORMAT file but contains {:?}.",
                    entry.file_name()
                );
                return Err(Error::new(ErrorCode::Corrupt, message));
            }
        }
        Err(error) => return Err(storage("read", error)),
    }
    let mut lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(root.join("LOCK"))
        .map_err(|e| storage("lock", e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder);
            let message =
                format!("The data directory {path:?} is in use by process {}.", holder.trim());
            return Err(Error::new(ErrorCode::InUse, message));
        }
        Err(fs::TryLockError::Error(error)) => return Err(storage("lock", error)),
    }
    let write_pid = |lock: &mut File| {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())
    };
    write_pid(&mut lock).map_err(|e| storage("lock", e))?;
    if !fs::read_to_string(&format).is_ok_and(|text| text == FORMAT) {
        // Written whole under another name, so that a crash leaves either nothing or the file.
        let draft = root.join(DRAFT);
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(FORMAT.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &format)?;
            sync_dir(&root, durability)
        };
        write().map_err(|e| storage("write", e))?;
    }
    Ok((root, lock))
}
