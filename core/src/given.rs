//! What hosts give a runtime, which it lets go of when it closes.

use std::mem;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Something of the host's that is kept until the runtime closes, and is nothing (the default) from then on.
///
/// Code of the host may refer to stubs, a stub refers to what it leads to, and that to the code. A collector of the
/// host's language sees no such circle, so the end of the runtime has to open it.
pub(crate) struct Given<T>(Arc<dyn Keep<T>>);

impl<T: Clone + Default + Send + 'static> Given<T> {
    /// Something that no runtime has been given yet.
    pub fn new(given: T) -> Given<T> {
        Given(Arc::new(Kept(Mutex::new(given))))
    }
}

impl<T> Given<T> {
    pub fn get(&self) -> T {
        self.0.get()
    }
}

impl<T> Clone for Given<T> {
    fn clone(&self) -> Given<T> {
        Given(self.0.clone())
    }
}

impl<T: Clone + Default + Send + 'static> Default for Given<T> {
    fn default() -> Given<T> {
        Given::new(T::default())
    }
}

/// What is behind it. As a trait it also keeps the compiler from looking through all that a value may be made of
/// whenever it asks whether something may go to another thread.
trait Keep<T>: Send + Sync {
    fn get(&self) -> T;
}

trait Release: Send + Sync {
    fn release(&self);
}

struct Kept<T>(Mutex<T>);

impl<T: Clone + Send> Keep<T> for Kept<T> {
    fn get(&self) -> T {
        self.0.lock().clone()
    }
}

impl<T: Default + Send> Release for Kept<T> {
    fn release(&self) {
        // Dropped without the lock: code of the host may run then.
        let given = mem::take(&mut *self.0.lock());
        drop(given);
    }
}

/// All that a runtime has been given and that anybody still refers to; `None` once it is closed.
pub(crate) struct Gifts(Mutex<Option<Vec<Weak<dyn Release>>>>);

impl Default for Gifts {
    fn default() -> Gifts {
        Gifts(Mutex::new(Some(Vec::new())))
    }
}

impl Gifts {
    /// Keeps `given` until it is released.
    pub fn keep<T: Clone + Default + Send + 'static>(&self, given: T) -> Given<T> {
        let kept = Arc::new(Kept(Mutex::new(given)));
        let mut all = self.0.lock();
        match &mut *all {
            Some(all) => {
                if all.len() == all.capacity() {
                    all.retain(|given| given.strong_count() > 0);
                }
                let weak = Arc::downgrade(&kept);
                all.push(weak);
            }
            None => {
                drop(all);
                kept.release();
            }
        }
        Given(kept)
    }

    /// Lets go of everything.
    pub fn release(&self) {
        let all = self.0.lock().take();
        all.iter().flatten().filter_map(Weak::upgrade).for_each(|given| given.release());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_there_until_it_is_released() {
        let (gifts, thing) = (Gifts::default(), Arc::new(()));
        let given = gifts.keep(Some(thing.clone()));
        assert!(given.get().is_some());
        gifts.release();
        assert!(given.get().is_none());
        let late = gifts.keep(Some(thing.clone()));
        assert!(late.get().is_none());
        assert_eq!(Arc::strong_count(&thing), 1);
    }

    #[test]
    fn what_nobody_refers_to_takes_no_place() {
        let gifts = Gifts::default();
        let kept = gifts.keep(1);
        for n in 0..1_000 {
            gifts.keep(n);
        }
        assert!(gifts.0.lock().as_ref().unwrap().capacity() < 16);
        assert_eq!(kept.get(), 1);
    }
}
