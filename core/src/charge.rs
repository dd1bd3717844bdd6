//! Memory that the host holds for a guest: it counts as the guest's.

use std::sync::Arc;

/// What counts a guest's memory.
pub(crate) trait Holder: Send + Sync {
    /// Counts bytes that are held for the guest.
    fn hold(&self, bytes: usize);

    /// Counts them no more.
    fn let_go(&self, bytes: usize);
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
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.holder.let_go(self.bytes);
    }
}
