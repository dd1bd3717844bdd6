//! What every part of an open runtime shares.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_lite::future;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{Options, dir};
use crate::actor::{Actor, Class, Waits, Warm};
use crate::alarm::AlarmDriver;
use crate::clock::Clock;
use crate::deploy::Deployment;
use crate::error::{Error, ErrorCode, Result};
use crate::executor::{Executor, closed};
use crate::given::Gifts;
use crate::guest::{Engine, Engines};
use crate::id::ObjectId;
use crate::limits::Limits;
use crate::loader::Loader;
use crate::medium::Medium;
use crate::metrics::Counters;
use crate::namespace::{Namespace, NamespaceOptions};
use crate::process::Process;
use crate::storage::Disk;
use crate::tail::Receiver;
use crate::timer::Timers;
use crate::value::{Value, ValueMap};

const ALARMS: &str = "alarms.sqlite";

/// Idle time after which an instance is dropped, as in workerd.
const IDLE_MS: u64 = 10_000;
const MAX_WARM: usize = 1_000;

/// How often a waiting call looks for signals.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(50);

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
    pub gifts: Gifts,
    pub(super) root: PathBuf,
    lock: Mutex<Option<File>>,
    namespaces: Mutex<HashMap<String, Namespace>>,
    pub deployments: Mutex<HashMap<String, Deployment>>,
    /// Actors of entrypoints: they belong to no namespace, so closing has to find them here.
    entrypoints: Mutex<Vec<Weak<Actor>>>,
    closed: AtomicBool,
    process: Process,
}

impl RuntimeInner {
    pub(super) fn open(options: Options, medium: Arc<dyn Medium>) -> Result<Arc<RuntimeInner>> {
        let path = options.path.filter(|path| path != Path::new(":memory:"));
        let (root, lock, disk) = match path {
            Some(path) => {
                let (root, lock) = dir::open(&path, options.durability)?;
                dir::empty_scratch(&root);
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
        let gifts = Gifts::default();
        let executor = Executor::new(threads);
        let engines = options.engines.unwrap_or_else(|| Engine::ALL.to_vec());
        let engines = Engines::new(engines, &executor);
        let inner = RuntimeInner {
            limits: Limits::default().with(options.limits),
            disk,
            executor,
            timers: Timers::default(),
            engines,
            waits: Waits::default(),
            warm: Warm::new(idle, options.max_warm.unwrap_or(MAX_WARM)),
            alarms: Arc::new(alarms),
            tail: options.on_tail.map(|receive| Receiver::new(receive, &gifts)),
            metrics: Counters::default(),
            gifts,
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
        Ok(inner)
    }

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
        dir::make_scratch(&self.root)
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
            let namespace = Namespace::new(self.clone(), &name, &class, options);
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

    pub(super) fn close(&self) {
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
        self.gifts.release();
        self.disk.close();
        // Said to the system: a child that was forked meanwhile has the file open, too, if only until it begins its program.
        if let Some(lock) = self.lock.lock().take()
            && let Err(error) = lock.unlock()
        {
            tracing::warn!(%error, "the data directory isn't unlocked");
        }
    }
}
