//! How an actor and its instance end: by a limit, a failure, or with the runtime.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_lite::future;

use super::Actor;
use crate::error::{Error, ErrorCode, Result};

impl Actor {
    /// Ends the running instance because a limit hit: what it wrote since the last commit is gone,
    /// events that wait in it end with RESET, and the next event starts afresh.
    pub fn reset(self: &Arc<Actor>, error: &Error) {
        let reason = Error::new(
            ErrorCode::Reset,
            format!("The object was reset because a limit was exceeded: {}", error.message()),
        );
        self.end_instance(reason);
        if let Some(storage) = &self.storage {
            storage.rollback();
        }
    }

    /// Breaks the actor: everything bound to it fails with `error` from now on, descendants too.
    pub fn fail(self: &Arc<Actor>, error: Error) {
        if let Err(error) = self.commit_loop_turn() {
            tracing::debug!(path = self.path, %error, "what an earlier turn of the loop wrote is lost");
        }
        // Whoever passes it on has not been broken itself.
        if self.broken.set(error.clone().with_path(self.path.as_str())).is_err() {
            return;
        }
        self.interrupt.store(true, Ordering::Release);
        // Databases are closed before the maps forget the actor, so that its successor can open them; and
        // whoever waits hears last, so that a new stub reaches the successor.
        self.facets.fail_all(&error);
        if let Some(storage) = &self.storage {
            storage.shutdown_with(error.clone());
        }
        match (&self.parent, &self.namespace) {
            (Some((parent, name)), _) => parent.facets.remove(name, self),
            (None, Some(namespace)) => namespace.remove(self),
            (None, None) => {}
        }
        self.end_instance(error);
        self.breaking.notify(usize::MAX);
    }

    /// Ends with the reason as soon as it is broken.
    pub async fn end(&self) -> Error {
        loop {
            let listener = self.breaking.listen();
            if let Some(error) = self.broken() {
                return error.clone();
            }
            listener.await;
        }
    }

    /// Waits for work in the instance that runs now, unless that or the actor ends.
    pub async fn while_running<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let running = self.running.lock().clone();
        let ended = async {
            Err(match running {
                Some(running) => future::or(running.end(), self.end()).await,
                None => self.end().await,
            })
        };
        future::or(work, ended).await
    }

    fn end_instance(&self, error: Error) {
        // Not held while the instance goes, whose destructor may ask how many there are.
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.instance.kill();
            let _ = running.ended.set(error);
            running.signal.notify(usize::MAX);
        }
    }

    /// Stops it for good when the runtime closes: commits nothing that is open, but the turns of a loop that are over.
    pub fn close(self: &Arc<Actor>) {
        if let Err(error) = self.commit_loop_turn() {
            tracing::debug!(path = self.path, %error, "what an earlier turn of the loop wrote is lost");
        }
        let error = crate::executor::closed();
        if self.broken.set(error.clone()).is_ok() {
            self.breaking.notify(usize::MAX);
            self.interrupt.store(true, Ordering::Release);
            self.end_instance(error);
            self.facets.close_all();
            if let Some(storage) = &self.storage {
                storage.close();
            }
        }
    }

    /// Why it is broken, if it is.
    pub fn broken(&self) -> Option<&Error> {
        self.broken.get()
    }

    pub fn check(&self) -> Result<()> {
        self.runtime.check_open()?;
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}
