//! Facets: the named children of an actor.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::actor::{Actor, ActorId, Blueprint, BoxFuture, Class, Event, Message};
use crate::error::{Error, ErrorCode, Result};
use crate::storage::{When, negated};
use crate::stub::Stub;

mod slots;
mod total;

pub(crate) use slots::{Begin, FacetMap, StartGuard, Starting};
use total::Added;

const MAX_NAME_BYTES: usize = 256;

/// What a facet's start callback answers.
#[derive(Clone, Debug)]
pub struct FacetOptions {
    /// The class that the facet is an instance of.
    pub class: Class,
    /// What the facet sees as its id; by default its parent's.
    pub id: Option<ActorId>,
}

impl FacetOptions {
    /// Options with this class and the parent's id.
    pub fn new(class: Class) -> FacetOptions {
        FacetOptions { class, id: None }
    }
}

impl From<Class> for FacetOptions {
    fn from(class: Class) -> FacetOptions {
        FacetOptions::new(class)
    }
}

/// A start callback: runs when the facet isn't running and its stub is used for the first time.
pub(crate) type StartFacet = Box<dyn FnOnce() -> BoxFuture<'static, Result<FacetOptions>> + Send>;

/// The facets of one actor.
#[derive(Clone)]
pub struct Facets {
    actor: Arc<Actor>,
}

impl Facets {
    pub(crate) fn new(actor: Arc<Actor>) -> Facets {
        Facets { actor }
    }

    /// A stub of the facet `name`. Nothing starts before its first use; `start` runs then, once, on
    /// the thread of that use, unless the facet runs already.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a name that is empty or longer than 256 bytes, LIMIT_DEPTH when facets
    /// would be nested deeper than the limit.
    pub fn get<O: Into<FacetOptions>>(
        &self,
        name: &str,
        start: impl FnOnce() -> Result<O> + Send + 'static,
    ) -> Result<Stub> {
        self.get_async(name, move || Box::pin(async move { start().map(Into::into) }))
    }

    /// Like [`Facets::get`] with a callback that returns a future.
    ///
    /// # Errors
    /// As [`Facets::get`].
    pub fn get_async(
        &self,
        name: &str,
        start: impl FnOnce() -> BoxFuture<'static, Result<FacetOptions>> + Send + 'static,
    ) -> Result<Stub> {
        self.check_get(name)?;
        Ok(Stub::facet(self.actor.clone(), name, Some(Box::new(start))))
    }

    /// A stub whose user starts the facet itself; see [`Stub::bind`].
    pub(crate) fn stub(&self, name: &str) -> Result<Stub> {
        self.check_get(name)?;
        Ok(Stub::facet(self.actor.clone(), name, None))
    }

    /// Stops the facet and its descendants; their stubs fail with `reason`. Data is kept. Does
    /// nothing if it isn't running.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an invalid name.
    pub fn abort(&self, name: &str, reason: impl Into<Error>) -> Result<()> {
        self.check_name(name)?;
        self.stop(name, reason.into());
        Ok(())
    }

    /// Stops the facet and deletes its data and that of its descendants, together with what the
    /// parent writes in the same transaction. Does nothing if there is none.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an invalid name, STORAGE.
    pub fn delete(&self, name: &str) -> Result<()> {
        self.check_name(name)?;
        self.stop(name, deleted());
        self.forget(name)
    }

    /// Replaces facet `dst` and its descendants by a copy of `src` and its descendants. A missing
    /// `src` leaves `dst` empty; `src` goes on running. `dst` is stopped first, even if both are the
    /// same.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an invalid name, STORAGE.
    pub fn clone(&self, src: &str, dst: &str) -> Result<()> {
        self.check_name(src)?;
        self.check_name(dst)?;
        self.stop(dst, Error::new(ErrorCode::Aborted, "Facet was cloned-over."));
        if src == dst {
            return Ok(());
        }
        let Some(number) = self.actor.storage()?.facet_number(src)? else {
            return self.forget(dst);
        };
        let from = self.dir_of(number)?;
        let storage = self.actor.storage()?;
        let replaced = match storage.facet_number(dst)? {
            Some(number) => self.count_tree(&self.dir_of(number)?)?,
            None => 0,
        };
        // If the copy fails, `dst` stays as it is.
        let added = self.count(self.count_tree(&from)?, replaced)?;
        storage.transaction_sync(|| {
            self.forget(dst)?;
            let to = self.make_dir(dst, added)?;
            let disk = &self.actor.runtime.disk;
            let _moving = disk.moving();
            disk.copy_tree(&from, &to)?;
            // What the copies say that they have used is another's.
            storage.meter().add_all(negated(disk.usage_now(&to)?.used));
            Ok(())
        })
    }

    /// The names of the facets that exist, running or not, in order.
    ///
    /// # Errors
    /// STORAGE.
    pub fn list(&self) -> Result<Vec<String>> {
        let names = self.actor.storage()?.facet_names()?;
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    /// Whether the facet exists, running or not.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an invalid name, STORAGE.
    pub fn exists(&self, name: &str) -> Result<bool> {
        self.check_name(name)?;
        Ok(self.actor.storage()?.facet_number(name)?.is_some())
    }

    /// The actor whose facets these are, and the directory of the facet `name`, if it exists.
    pub(crate) fn find(&self, name: &str) -> Result<(&Arc<Actor>, Option<PathBuf>)> {
        self.check_name(name)?;
        let number = self.actor.storage()?.facet_number(name)?;
        Ok((&self.actor, number.map(|number| self.dir_of(number)).transpose()?))
    }

    /// Deletes the actor's own data and every facet.
    pub(crate) fn delete_all(&self) -> Result<()> {
        let storage = self.actor.storage()?;
        let numbers = storage.delete_all()?;
        if let Some(slot) = &self.actor.alarm {
            slot.driver.settle(&slot.key, None);
        }
        self.actor.facets.fail_all(&deleted());
        for number in numbers {
            self.remove_dir_on_commit(number)?;
        }
        Ok(())
    }

    /// Checks that a facet `name` may be asked for.
    pub(crate) fn check_get(&self, name: &str) -> Result<()> {
        self.check_name(name)?;
        let limit = self.actor.runtime.limits.facet_depth.min(self.actor.limits.facet_depth);
        if self.actor.level >= limit {
            return Err(Error::new(
                ErrorCode::LimitDepth,
                format!(
                    "Facet nesting depth limit exceeded. The maximum depth including the root Durable Object is {limit}."
                ),
            ));
        }
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<()> {
        if name.len() > MAX_NAME_BYTES {
            return Err(Error::type_error("Facet name is too long (max 256 characters)."));
        }
        if name.is_empty() {
            return Err(Error::type_error("Facet name cannot be empty."));
        }
        if self.actor.dir.is_none() {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "This Durable Object does not support creating facets.",
            ));
        }
        self.actor.check()
    }

    /// The facet `name`, started by its parent's `startFacet` if it isn't running; None if there is no such
    /// facet.
    pub(crate) async fn wake(
        &self,
        name: &str,
        caller: Option<Arc<Event>>,
    ) -> Result<Option<Arc<Actor>>> {
        let running = || self.actor.facets.running(name);
        if let Some(actor) = running() {
            return Ok(Some(actor));
        }
        if self.actor.storage()?.facet_number(name)?.is_none() {
            return Ok(None);
        }
        let message = Message::StartFacet { name: name.to_owned() };
        self.actor.clone().deliver(caller, message).await?;
        running().map(Some).ok_or_else(|| {
            let message = format!("{} has not started its facet {name:?}.", self.actor.path);
            Error::new(ErrorCode::NotFound, message)
        })
    }

    /// Makes the facet's actor, entering its name in the parent's database if it is new.
    fn create(&self, name: &str, options: FacetOptions) -> Result<Arc<Actor>> {
        let parent = &self.actor;
        let dir = self.create_dir(name)?;
        let (props, patch) = match options.class.as_guest() {
            Some(class) => (class.props.clone(), class.limits),
            None => Default::default(),
        };
        let worker = options.class.as_guest().map(|class| class.worker.limits());
        let limits = parent.runtime.limits.lowered(worker.unwrap_or_default()).lowered(patch);
        let blueprint = Blueprint {
            path: format!("{}/{name}", parent.path),
            id: options.id.unwrap_or_else(|| parent.id.clone()),
            class: options.class.within(&parent.runtime),
            env: parent.env.clone(),
            props,
            limits,
            dir: Some(dir),
            namespace: None,
            parent: Some((parent.clone(), name.to_owned())),
        };
        Ok(Actor::new(parent.runtime.clone(), blueprint))
    }

    /// Counts facets that the object is about to get, wherever below its root, in place of `replaced` others: copies
    /// of copies would grow without bound, however few facets each level has.
    fn count(&self, more: u64, replaced: u64) -> Result<Added> {
        let root = self.actor.root();
        let limit = root.limits.facets;
        let count = || match &root.dir {
            Some(dir) => root.runtime.disk.count_below(dir),
            None => Ok(0),
        };
        root.facets.total.add(more, replaced, limit, count)?.map_err(|known| {
            let message = format!(
                "{} has {known} facets at all levels and would get {more} more; the limit is {limit}.",
                root.path
            );
            Error::new(ErrorCode::LimitFacets, message).with_path(root.path.as_str())
        })
    }

    /// How many facets there are in the tree whose root is the facet in `dir`.
    fn count_tree(&self, dir: &Path) -> Result<u64> {
        Ok(1 + self.actor.runtime.disk.count_below(dir)?)
    }

    fn create_dir(&self, name: &str) -> Result<PathBuf> {
        let storage = self.actor.storage()?;
        if let Some(number) = storage.facet_number(name)? {
            return self.dir_of(number);
        }
        let limit = self.actor.limits.facets;
        if storage.facet_count()? >= limit {
            let message = format!("{} has {limit} facets, which is the limit.", self.actor.path);
            return Err(Error::new(ErrorCode::LimitFacets, message));
        }
        self.make_dir(name, self.count(1, 0)?)
    }

    /// Enters a facet that isn't there, and makes its directory.
    fn make_dir(&self, name: &str, added: Added) -> Result<PathBuf> {
        let storage = self.actor.storage()?;
        // Without its directory there is no entry either.
        storage.transaction_sync(|| {
            let dir = self.dir_of(storage.facet_create(name)?)?;
            // What a rolled-back creation left behind under the same number.
            self.actor.runtime.disk.remove_tree(&dir)?;
            self.actor.runtime.disk.make_facet_dir(&dir)?;
            storage.on_commit(When::Committed, move || added.keep())?;
            Ok(dir)
        })
    }

    fn dir_of(&self, number: u64) -> Result<PathBuf> {
        let parent =
            self.actor.dir.as_ref().ok_or_else(|| {
                Error::new(ErrorCode::Unsupported, "An entrypoint has no facets.")
            })?;
        Ok(parent.join(number.to_string()))
    }

    fn stop(&self, name: &str, error: Error) {
        if let Some(slot) = self.actor.facets.take(name) {
            slot.fail(&error);
        }
    }

    fn forget(&self, name: &str) -> Result<()> {
        match self.actor.storage()?.facet_delete(name)? {
            Some(number) => self.remove_dir_on_commit(number),
            None => Ok(()),
        }
    }

    /// The directory goes after the commit that forgets it; a crash between the two leaves an
    /// orphan, which the parent sweeps when it opens its database.
    fn remove_dir_on_commit(&self, number: u64) -> Result<()> {
        let (dir, disk) = (self.dir_of(number)?, self.actor.runtime.disk.clone());
        let total = self.actor.root().facets.total.clone();
        let (alarms, key) = (self.actor.runtime.alarms.clone(), self.actor.runtime.key_of(&dir));
        let storage = self.actor.storage()?.clone();
        self.actor.storage()?.on_commit(When::Durable, move || {
            alarms.forget_tree(&key);
            let _moving = disk.moving();
            match disk.take_usage(&dir) {
                Ok(used) => storage.meter().add_all(used),
                Err(error) => tracing::warn!(%error, "what a deleted facet has used is not counted"),
            }
            // A directory that can't be read stays, and counts.
            total.remove(disk.count_below(&dir).map_or(0, |below| below + 1));
            if let Err(error) = storage.settle().and_then(|()| disk.remove_tree(&dir)) {
                tracing::warn!(%error, "a deleted facet's directory stays until its parent opens again");
            }
        })
    }
}

fn deleted() -> Error {
    Error::new(ErrorCode::Aborted, "Facet was deleted.")
}
