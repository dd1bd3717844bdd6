//! Lists that are empty most of the time, which is told without their lock.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// A list that threads share.
pub(super) struct Rare<T> {
    items: Mutex<Vec<T>>,
    filled: AtomicBool,
}

impl<T> Default for Rare<T> {
    fn default() -> Rare<T> {
        Rare { items: Mutex::default(), filled: AtomicBool::new(false) }
    }
}

impl<T> Rare<T> {
    /// Does something with the items, the lock held.
    pub fn with<R>(&self, code: impl FnOnce(&mut Vec<T>) -> R) -> R {
        let mut items = self.items.lock();
        let result = code(&mut items);
        self.filled.store(!items.is_empty(), Ordering::Release);
        result
    }

    pub fn push(&self, item: T) {
        self.with(|items| items.push(item));
    }

    /// Takes out all items.
    pub fn take(&self) -> Vec<T> {
        if self.is_empty() { Vec::new() } else { self.with(std::mem::take) }
    }

    pub fn is_empty(&self) -> bool {
        !self.filled.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_whether_it_is_empty() {
        let list = Rare::default();
        assert!(list.is_empty() && list.take().is_empty());
        list.push(1);
        list.push(2);
        list.with(|items| items.retain(|item| *item == 2));
        assert!(!list.is_empty());
        assert_eq!(list.take(), [2]);
        assert!(list.is_empty());
        list.push(3);
        list.with(Vec::clear);
        assert!(list.is_empty() && list.take().is_empty());
    }
}
