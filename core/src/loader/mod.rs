//! The Worker Loader: guest code in, classes and entrypoints out.

mod code;
mod worker;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) use self::code::module_name;
pub use self::code::{Module, Outbound, WorkerCode};
pub(crate) use self::worker::{Entrypoint, Guest, Outside};
pub use self::worker::{ExportOptions, WorkerStub};
use crate::error::Result;
use crate::kept::Kept;
use crate::metrics::Count;
use crate::runtime::RuntimeInner;

/// The most that the code of the workers that a loader caches takes together.
const MAX_CACHE_BYTES: usize = 256 << 20;

/// Loads guest code; the only way from text to a class.
#[derive(Clone)]
pub struct Loader(Arc<LoaderInner>);

struct LoaderInner {
    runtime: Arc<RuntimeInner>,
    cache: Mutex<Kept<String, WorkerStub>>,
}

impl Loader {
    pub(crate) fn new(runtime: &Arc<RuntimeInner>) -> Loader {
        Loader(Arc::new(LoaderInner {
            runtime: runtime.clone(),
            cache: Mutex::new(Kept::new(MAX_CACHE_BYTES)),
        }))
    }

    /// Whether both are clones of one loader.
    pub(crate) fn is(&self, other: &Loader) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Loads code that isn't cached.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, LOAD_ERROR or UNSUPPORTED for code that can't be loaded whatever its modules
    /// say, such as modules for an engine that [`Options::engines`](crate::Options::engines) leaves out.
    /// Errors in modules show at the first use of a class or entrypoint.
    pub fn load(&self, code: WorkerCode) -> Result<WorkerStub> {
        self.load_for(None, code)
    }

    /// Loads code that counts as memory of a guest while any of it is there.
    pub(crate) fn load_for(&self, guest: Option<Guest>, code: WorkerCode) -> Result<WorkerStub> {
        code.check(&self.0.runtime)?;
        self.0.runtime.metrics.add(Count::Loads, 1);
        let worker = WorkerStub::new(&self.0.runtime, Ok(code), guest);
        worker.charge();
        Ok(worker)
    }

    /// The worker cached as `id`, loaded from what `code` answers if there is none. What was used least
    /// recently leaves the cache when its code takes more than 256 MiB together.
    ///
    /// A failure isn't cached: it shows at the first use of the worker, and the next `get` tries again.
    pub fn get(&self, id: &str, code: impl FnOnce() -> Result<WorkerCode>) -> WorkerStub {
        self.cached(id).unwrap_or_else(|| self.insert(Some(id), code()))
    }

    /// The worker cached as `id`.
    pub fn cached(&self, id: &str) -> Option<WorkerStub> {
        let cached = self.0.cache.lock().get(id);
        self.0.runtime.metrics.add(Count::CacheHits, u64::from(cached.is_some()));
        cached
    }

    /// Makes a worker of code or of the failure to get any, and caches it if it is good.
    pub fn insert(&self, id: Option<&str>, code: Result<WorkerCode>) -> WorkerStub {
        self.insert_for(None, id, code)
    }

    /// Code that leaves the cache while any of it is in use counts as memory of the guest that it came from.
    pub(crate) fn insert_for(
        &self,
        guest: Option<Guest>,
        id: Option<&str>,
        code: Result<WorkerCode>,
    ) -> WorkerStub {
        let code = code.and_then(|code| code.check(&self.0.runtime).map(|()| code));
        let good = code.is_ok();
        self.0.runtime.metrics.add(Count::Loads, u64::from(good));
        let worker = WorkerStub::new(&self.0.runtime, code, guest);
        match id {
            Some(id) if good => {
                let bytes = worker.bytes() + id.len();
                let mut cache = self.0.cache.lock();
                if let Some(first) = cache.get(id) {
                    return first;
                }
                let left = cache.put(id.to_owned(), worker.clone(), bytes);
                drop(cache);
                left.iter().for_each(WorkerStub::charge);
                // Only now: actors may end with what leaves, which takes locks.
                drop(left);
                worker
            }
            _ => {
                worker.charge();
                worker
            }
        }
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loader")
    }
}
