//! Memory that the host holds for a guest: it counts as the guest's.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What counts a guest's memory.
pub(crate) trait Holder: Send + Sync {
    /// Counts bytes that are held for the guest.
    fn hold(&self, bytes: usize);

    /// Counts them no more.
    fn let_go(&self, bytes: usize);

    /// Bytes of tail events of what the guest has loaded that wait for their listeners: beyond a limit they are
    /// dropped, so they don't count as its memory.
    fn untold(&self) -> &AtomicUsize;
}

/// Bytes that count as a guest's until this is dropped.
pub(crate) struct Charge {
    holder: Arc<dyn Holder>,
    bytes: usize,
}

impl Charge {
    pub fn new(holder: Arc<dyn Holder>, bytes: usize) -> Charge {
        holder.hold(bytes);
        Charge { holder, bytes }
    }

    /// Counts more bytes beside those.
    #[cfg(feature = "quickjs")]
    pub fn grow(&mut self, bytes: usize) {
        self.holder.hold(bytes);
        self.bytes += bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.holder.let_go(self.bytes);
    }
}
