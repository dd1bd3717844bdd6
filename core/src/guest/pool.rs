//! Machines made before they are needed.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Engines;
use crate::error::Result;
use crate::runtime::RuntimeInner;

/// Machines kept ready for the next guests that start, from the first guest on.
const READY: usize = 2;

/// Machines of one engine.
pub(super) struct Pool<M>(Mutex<Vec<M>>);

impl<M> Default for Pool<M> {
    fn default() -> Pool<M> {
        Pool(Mutex::default())
    }
}

/// An engine's machines: where they are kept and how they are made.
pub(super) trait Machines: Send + Sized + 'static {
    fn pool(engines: &Engines) -> &Pool<Self>;
    fn make(engines: &Engines) -> Result<Self>;
    /// Makes what machines have in common and need later, so that no guest has to wait for it.
    fn complete(_engines: &Engines) {}
}

/// A fresh machine, from those that are ready if there is one. The executor makes others meanwhile.
pub(super) fn take<M: Machines>(runtime: &Arc<RuntimeInner>) -> Result<M> {
    let ready = M::pool(&runtime.engines).0.lock().pop();
    let weak = Arc::downgrade(runtime);
    runtime.executor.spawn(async move {
        while let Some(runtime) = weak.upgrade() {
            let pool = M::pool(&runtime.engines);
            if runtime.check_open().is_err() {
                break;
            }
            if pool.0.lock().len() >= READY {
                M::complete(&runtime.engines);
                break;
            }
            let Ok(machine) = M::make(&runtime.engines) else { break };
            pool.0.lock().push(machine);
        }
    });
    ready.map_or_else(|| M::make(&runtime.engines), Ok)
}

impl<M> Pool<M> {
    /// Drops the machines that nobody has taken.
    pub fn clear(&self) {
        let machines = std::mem::take(&mut *self.0.lock());
        drop(machines);
    }
}
