//! Namespaces: names bound to classes, and the objects in them.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::actor::{Actor, ActorId, Blueprint, Class, Env};
use crate::error::{Error, Result};
use crate::id::{IdScheme, ObjectId};
use crate::limits::{Limits, LimitsPatch};
use crate::runtime::RuntimeInner;
use crate::stub::Stub;
use crate::value::ValueMap;

/// How a namespace's objects are made.
#[derive(Clone, Debug, Default)]
pub struct NamespaceOptions {
    /// What host classes get as `env`. By default a map with the runtime's loader as `LOADER`. Guest
    /// classes get the `env` of their WorkerCode instead.
    pub env: Option<ValueMap>,
    /// Limits of this namespace's objects, in place of the runtime's defaults.
    pub limits: LimitsPatch,
}

/// A name bound to a class; every id of it is one object in the whole runtime.
///
/// Cloning is cheap.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    runtime: Arc<RuntimeInner>,
    name: String,
    ids: IdScheme,
    class: Mutex<Class>,
    env: Option<Env>,
    limits: LimitsPatch,
    actors: Mutex<HashMap<ObjectId, Arc<Actor>>>,
}

impl Namespace {
    pub(crate) fn new(
        runtime: Arc<RuntimeInner>,
        name: &str,
        class: &Class,
        options: &NamespaceOptions,
    ) -> Namespace {
        let class = class.within(&runtime);
        let env = options.env.as_ref().map(|env| runtime.gifts.keep(Arc::new(env.clone())));
        let namespace = Namespace(Arc::new(Inner {
            runtime,
            name: name.to_owned(),
            ids: IdScheme::new(name),
            class: Mutex::new(class.clone()),
            env,
            limits: options.limits,
            actors: Mutex::default(),
        }));
        namespace.bind_exports(&class);
        namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A new random id.
    ///
    /// # Errors
    /// STORAGE if the system has no randomness.
    pub fn new_unique_id(&self) -> Result<ObjectId> {
        self.0.ids.unique()
    }

    /// The id that belongs to a name: always the same one.
    pub fn id_from_name(&self, name: &str) -> ObjectId {
        self.0.ids.of_name(name)
    }

    /// Reads an id back from its text, in either case.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for anything but 64 hex digits of an id of this namespace.
    pub fn id_from_string(&self, text: &str) -> Result<ObjectId> {
        self.0.ids.parse(text)
    }

    /// A stub of the object. Neither creates nor contacts it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace.
    pub fn get(&self, id: &ObjectId) -> Result<Stub> {
        self.check_id(id)?;
        Ok(Stub::object(self.clone(), id.clone()))
    }

    /// A stub of the object with this name: `get(id_from_name(name))`.
    pub fn get_by_name(&self, name: &str) -> Stub {
        Stub::object(self.clone(), self.id_from_name(name))
    }

    /// Runs a future to its end, such as that of [`Namespace::query`]; see
    /// [`Runtime::block_on`](crate::Runtime::block_on).
    ///
    /// # Errors
    /// What the future or `check` answers; CLOSED.
    pub fn block_on<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
        check: impl FnMut() -> Result<()>,
    ) -> Result<T> {
        self.0.runtime.block_on(task, check)
    }

    /// Runs a future to its end as the blocking calls do: how bindings wait for one and something else.
    ///
    /// # Errors
    /// What the future answers; CLOSED.
    pub fn wait_for<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.runtime.executor.block_on(task)
    }

    /// Refuses ids of other namespaces.
    pub(crate) fn check_id(&self, id: &ObjectId) -> Result<()> {
        match self.0.ids.owns(id) {
            true => Ok(()),
            false => Err(Error::type_error("Durable Object ID is not valid for this namespace.")),
        }
    }

    /// The limits of its objects.
    pub(crate) fn limits(&self) -> Limits {
        let limits = self.0.runtime.limits.with(self.0.limits);
        match self.class().as_guest() {
            Some(class) => limits.lowered(class.worker.limits()).lowered(class.limits),
            None => limits,
        }
    }

    fn class(&self) -> Class {
        self.0.class.lock().clone()
    }

    /// Binds it to another class. Gives the old one, and the objects that run it and have to be failed.
    pub(crate) fn replace_class(&self, class: Class) -> (Class, Vec<Arc<Actor>>) {
        // Under the lock in which actors are made, so that none of the old class is made later.
        let actors = self.0.actors.lock();
        self.bind_exports(&class);
        let old = std::mem::replace(&mut *self.0.class.lock(), class);
        (old, actors.values().cloned().collect())
    }

    /// Lets the code of a guest's class find it in `ctx.exports`.
    fn bind_exports(&self, class: &Class) {
        if let Some(guest) = class.as_guest() {
            guest.worker.bind_namespace(&guest.export, self);
        }
    }

    /// Ends the object's actor with `error` and does `work` while it has none.
    pub(crate) fn vacate<T>(
        &self,
        id: &ObjectId,
        error: &Error,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        loop {
            let running = {
                let actors = self.0.actors.lock();
                self.0.runtime.check_open()?;
                match actors.get(id) {
                    Some(actor) => actor.clone(),
                    None => return work(),
                }
            };
            running.fail(error.clone());
            // If it had failed already, whoever did that may not have come to the end of it.
            running.storage()?.shutdown_with(error.clone());
            self.remove(&running);
        }
    }

    pub(crate) fn downgrade(&self) -> WeakNamespace {
        let weak = Arc::downgrade(&self.0);
        WeakNamespace(weak)
    }

    /// Starts `task` on the runtime's own threads: how bindings run what nobody polls.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.spawn(task);
    }

    pub(crate) fn runtime(&self) -> &Arc<RuntimeInner> {
        &self.0.runtime
    }

    /// The actor of an object, if there is one.
    pub(crate) fn existing(&self, id: &ObjectId) -> Option<Arc<Actor>> {
        self.0.actors.lock().get(id).cloned()
    }

    /// The object's actor, made if there is none.
    pub(crate) fn actor(&self, id: &ObjectId) -> Result<Arc<Actor>> {
        loop {
            {
                let actors = self.0.actors.lock();
                self.0.runtime.check_open()?;
                if let Some(actor) = actors.get(id) {
                    return Ok(actor.clone());
                }
            }
            // Without the lock, for which every call of every object may wait.
            let id = id.for_object();
            let actor = self.make_actor(&id);
            let mut actors = self.0.actors.lock();
            self.0.runtime.check_open()?;
            if actor.class.is(&self.class()) {
                return Ok(actors.entry(id).or_insert(actor).clone());
            }
        }
    }

    fn make_actor(&self, id: &ObjectId) -> Arc<Actor> {
        let inner = &self.0;
        let class = self.class();
        let guest = class.as_guest();
        let shown = id.name().map_or_else(|| id.to_string(), str::to_owned);
        let blueprint = Blueprint {
            path: format!("{}/{shown}", inner.name),
            class: class.clone(),
            env: inner
                .env
                .clone()
                .unwrap_or_else(|| inner.runtime.gifts.keep(Arc::new(inner.runtime.default_env()))),
            props: guest.map_or_else(Default::default, |class| class.props.clone()),
            limits: self.limits(),
            dir: Some(inner.runtime.object_dir(&inner.name, id)),
            namespace: Some(self.clone()),
            parent: None,
            id: ActorId::Object(id.clone()),
        };
        Actor::new(inner.runtime.clone(), blueprint)
    }

    /// Takes out an actor that is broken.
    pub(crate) fn remove(&self, actor: &Arc<Actor>) {
        if let ActorId::Object(id) = &actor.id {
            let mut actors = self.0.actors.lock();
            if actors.get(id).is_some_and(|known| Arc::ptr_eq(known, actor)) {
                actors.remove(id);
            }
        }
    }

    /// Takes out an actor that nothing else refers to. Answers whether it is out.
    pub(crate) fn forget_if_unused(&self, actor: &Arc<Actor>) -> bool {
        let ActorId::Object(id) = &actor.id else { return true };
        let mut actors = self.0.actors.lock();
        let ours = actors.get(id).is_some_and(|known| Arc::ptr_eq(known, actor));
        // The map's reference and the caller's: nobody can take another while the map is locked. An event may have
        // come and gone since the caller looked, and its database be open.
        let unused = Arc::strong_count(actor) == 2 && !actor.is_running();
        if ours && unused {
            actors.remove(id);
        }
        !ours || unused
    }

    pub(crate) fn close(&self) {
        let actors = std::mem::take(&mut *self.0.actors.lock());
        actors.into_values().for_each(|actor| actor.close());
    }
}

/// A namespace that isn't kept alive: what a class's own code remembers, else the two would keep each
/// other. Without its type, so that types don't nest without an end in sight: the compilers of programs would give up before
/// they know that a handle may be sent to a thread.
pub(crate) struct WeakNamespace(Weak<dyn Any + Send + Sync>);

impl WeakNamespace {
    pub fn upgrade(&self) -> Option<Namespace> {
        self.0.upgrade()?.downcast().ok().map(Namespace)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({:?})", self.name())
    }
}
