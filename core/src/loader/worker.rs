//! Loaded code, and what is taken from it: classes and entrypoints.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use super::code::{Outbound, WorkerCode};
use crate::actor::{Actor, ActorId, Blueprint, Class, Event, GuestClass, Props};
use crate::bindings::Bindings;
use crate::charge::{Charge, Holder};
use crate::cpu::ThreadClock;
use crate::error::{Error, Result};
use crate::given::Given;
use crate::guest::Compiled;
use crate::limits::LimitsPatch;
use crate::namespace::{Namespace, WeakNamespace};
use crate::runtime::RuntimeInner;
use crate::stub::Stub;
use crate::tail::Targets;
use crate::value::{Value, ValueMap};

/// What a worker takes beside its modules and env.
const FIXED_BYTES: usize = 1 << 10;
/// What a class or entrypoint takes beside its name and props.
const EXPORT_BYTES: usize = 256;

/// Options of an entrypoint or class taken from a worker.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// What the instance sees as `ctx.props`.
    pub props: Value,
    /// Limits, where lower than those of the code.
    pub limits: LimitsPatch,
}

impl ExportOptions {
    /// Reads `{ props, limits }`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for anything else.
    pub fn from_value(value: Value) -> Result<ExportOptions> {
        let mut options = ExportOptions::default();
        match value {
            Value::Null | Value::Undefined => {}
            Value::List(items) if items.is_empty() => {}
            Value::Map(map) => {
                for (key, value) in map {
                    match key.as_str() {
                        "props" => options.props = value,
                        "limits" => options.limits = LimitsPatch::from_value(&value)?,
                        _ => return Err(Error::type_error(format!("Unknown option: '{key}'."))),
                    }
                }
            }
            other => {
                let message = format!("Options must be a map, got {}.", other.type_name());
                return Err(Error::type_error(message));
            }
        }
        Ok(options)
    }
}

/// Loaded code.
///
/// The actors behind its entrypoints end when the last stub of it is dropped.
#[derive(Clone)]
pub struct WorkerStub(Arc<Handle>);

/// A hold on loaded code. Actors of its entrypoints hold it, too, but don't own it: else the code and
/// they would keep each other alive.
struct Handle {
    worker: Arc<WorkerInner>,
    owner: bool,
}

impl std::ops::Deref for Handle {
    type Target = WorkerInner;

    fn deref(&self) -> &WorkerInner {
        &self.worker
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.owner {
            let entrypoints = std::mem::take(&mut *self.worker.entrypoints.lock());
            drop(entrypoints);
        }
    }
}

struct WorkerInner {
    runtime: Weak<RuntimeInner>,
    /// Without what is in `outside`.
    code: Result<WorkerCode>,
    /// How much memory the code takes.
    bytes: usize,
    outside: Given<Arc<Outside>>,
    compiled: OnceLock<Result<Compiled>>,
    entrypoints: Mutex<HashMap<String, Arc<dyn Behind>>>,
    namespaces: Mutex<HashMap<String, WeakNamespace>>,
    tails: Option<Arc<Targets>>,
    guest: Option<Guest>,
    /// What its code counts as the guest's.
    charge: OnceLock<Charge>,
}

/// What code can reach.
#[derive(Default)]
pub(crate) struct Outside {
    pub env: ValueMap,
    pub outbound: Outbound,
    bindings: OnceLock<Bindings>,
}

impl Outside {
    /// What it can call of its `env`.
    pub fn bindings(&self) -> &Bindings {
        self.bindings.get_or_init(|| Bindings::of(self))
    }
}

/// The guest that has loaded something.
pub(crate) type Guest = Arc<dyn Holder>;

impl WorkerStub {
    pub(super) fn new(
        runtime: &Arc<RuntimeInner>,
        mut code: Result<WorkerCode>,
        guest: Option<Guest>,
    ) -> WorkerStub {
        let bytes = code.as_ref().map_or(0, WorkerCode::bytes) + FIXED_BYTES;
        let (mut outside, mut tails) = (Outside::default(), None);
        if let Ok(code) = &mut code {
            outside.env = mem::take(&mut code.env);
            outside.outbound = mem::take(&mut code.global_outbound);
            tails = Targets::new(mem::take(&mut code.tails), guest.as_ref(), runtime);
        }
        let worker = Arc::new(WorkerInner {
            tails,
            runtime: Arc::downgrade(runtime),
            code,
            bytes,
            outside: runtime.gifts.keep(Arc::new(outside)),
            compiled: OnceLock::new(),
            entrypoints: Mutex::default(),
            namespaces: Mutex::default(),
            guest,
            charge: OnceLock::new(),
        });
        WorkerStub(Arc::new(Handle { worker, owner: true }))
    }

    /// The exported class `name`. That it exists is checked when it is used.
    pub fn get_durable_object_class(&self, name: &str, options: ExportOptions) -> Class {
        self.class_for(None, name, options)
    }

    /// A class of which name and props count as memory of a guest.
    pub(crate) fn class_for(
        &self,
        guest: Option<Guest>,
        name: &str,
        options: ExportOptions,
    ) -> Class {
        self.export(guest, name, options).class(self.clone())
    }

    /// The exported entrypoint `name`, stateless; `"default"` names the default export.
    ///
    /// # Errors
    /// CLOSED.
    pub fn get_entrypoint(&self, name: &str, options: ExportOptions) -> Result<Stub> {
        self.entrypoint_for(None, name, options)
    }

    /// An entrypoint of which name and props count as memory of a guest.
    pub(crate) fn entrypoint_for(
        &self,
        guest: Option<Guest>,
        name: &str,
        options: ExportOptions,
    ) -> Result<Stub> {
        let runtime = self.0.runtime.upgrade().ok_or_else(crate::executor::closed)?;
        let (worker, export) = (self.clone(), self.export(guest, name, options));
        Ok(Stub::entrypoint(runtime, Entrypoint { worker, export, own: Mutex::new(None) }))
    }

    /// About how much memory its code takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// Counts its code as memory of the guest that has loaded it, as long as any of it is there.
    pub(super) fn charge(&self) {
        if let Some(guest) = &self.0.guest {
            self.0.charge.get_or_init(|| Charge::new(guest.clone(), self.bytes()));
        }
    }

    /// Its code, without what it can reach.
    pub(crate) fn code(&self) -> Result<&WorkerCode> {
        self.0.code.as_ref().map_err(Clone::clone)
    }

    /// What it can reach: nothing once the runtime is closed.
    pub(crate) fn outside(&self) -> Arc<Outside> {
        self.0.outside.get()
    }

    /// Who gets its tail events, if anybody.
    pub(crate) fn tails(&self) -> Option<&Arc<Targets>> {
        self.0.tails.as_ref()
    }

    pub(crate) fn limits(&self) -> LimitsPatch {
        self.0.code.as_ref().map_or_else(|_| LimitsPatch::default(), |code| code.limits)
    }

    /// The modules compiled, once for all instances, at the expense of the event that needs them first.
    pub(crate) fn compiled(&self, event: &Event) -> Result<&Compiled> {
        let compiled = self.0.compiled.get_or_init(|| {
            let runtime = self.0.runtime.upgrade().ok_or_else(crate::executor::closed)?;
            let (clock, code) = (ThreadClock::current(), self.code()?);
            let begun = clock.read();
            let compiled = Compiled::new(code, &runtime);
            if let (Some(begun), Some(ended)) = (begun, clock.read()) {
                event.add_compile(ended.saturating_sub(begun));
            }
            compiled
        });
        compiled.as_ref().map_err(Clone::clone)
    }

    /// Remembers which namespace an exported class is bound to, for `ctx.exports`.
    pub(crate) fn bind_namespace(&self, export: &str, namespace: &Namespace) {
        self.0.namespaces.lock().insert(export.to_owned(), namespace.downgrade());
    }

    pub(crate) fn namespace(&self, export: &str) -> Option<Namespace> {
        self.0.namespaces.lock().get(export)?.upgrade()
    }

    /// An actor behind an entrypoint.
    fn actor_of(&self, export: &Export) -> Result<Arc<Actor>> {
        let runtime = self.0.runtime.upgrade().ok_or_else(crate::executor::closed)?;
        let worker = WorkerStub(Arc::new(Handle { worker: self.0.worker.clone(), owner: false }));
        let blueprint = Blueprint {
            path: format!("worker/{}", export.name),
            id: ActorId::Text(export.name.clone()),
            class: export.class(worker),
            env: Given::default(),
            props: export.props.clone(),
            limits: runtime.limits.lowered(self.limits()).lowered(export.limits),
            dir: None,
            namespace: None,
            parent: None,
        };
        let actor = Actor::new(runtime.clone(), blueprint);
        runtime.add_entrypoint(&actor);
        Ok(actor)
    }

    /// An actor that runs the code for nobody, such as to find out what it exports.
    pub(crate) fn new_actor(&self, export: &str) -> Result<Arc<Actor>> {
        self.actor_of(&self.export(None, export, ExportOptions::default()))
    }

    fn export(&self, guest: Option<Guest>, name: &str, options: ExportOptions) -> Export {
        let ExportOptions { props, limits } = options;
        let bytes = EXPORT_BYTES + name.len() + props.size();
        let charge = guest.map(|guest| Arc::new(Charge::new(guest, bytes)));
        let plain = props.is_nullish() && limits == LimitsPatch::default();
        // Without a runtime nobody will see them.
        let props = match self.0.runtime.upgrade() {
            Some(runtime) if !props.is_nullish() => runtime.gifts.keep(Arc::new(props)),
            _ => Given::default(),
        };
        Export { name: name.to_owned(), props, limits, plain, charge }
    }
}

impl fmt::Debug for WorkerStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.code {
            Ok(code) => write!(f, "WorkerStub({:?})", code.main_module),
            Err(error) => write!(f, "WorkerStub(failed: {error})"),
        }
    }
}

/// An export of a worker, as it was asked for.
struct Export {
    name: String,
    props: Props,
    limits: LimitsPatch,
    /// Whether it has neither props nor limits.
    plain: bool,
    charge: Option<Arc<Charge>>,
}

impl Export {
    fn class(&self, worker: WorkerStub) -> Class {
        Class::guest(GuestClass {
            worker,
            export: self.name.clone(),
            props: self.props.clone(),
            limits: self.limits,
            _charge: self.charge.clone(),
        })
    }
}

/// Where calls of an entrypoint go.
pub(crate) struct Entrypoint {
    worker: WorkerStub,
    export: Export,
    own: Mutex<Option<Arc<dyn Behind>>>,
}

/// The actor behind an entrypoint, which holds the worker in turn. Types that nest without an end in sight, as those two
/// would, have the compilers of programs give up before they know that a handle may be sent to a thread.
trait Behind: Send + Sync {
    /// None if it is broken.
    fn working(self: Arc<Self>) -> Option<Arc<Actor>>;
}

impl Behind for Actor {
    fn working(self: Arc<Actor>) -> Option<Arc<Actor>> {
        self.broken().is_none().then_some(self)
    }
}

impl Entrypoint {
    pub fn export(&self) -> &str {
        &self.export.name
    }

    /// The actor behind it, made if there is none that works. Entrypoints without options share one
    /// for each export of a worker.
    pub fn actor(&self) -> Result<Arc<Actor>> {
        let Entrypoint { worker, export, own } = self;
        if export.plain && worker.0.owner {
            return worker.shared_actor(export);
        }
        let mut own = own.lock();
        if let Some(actor) = own.clone().and_then(Behind::working) {
            return Ok(actor);
        }
        let actor = worker.actor_of(export)?;
        *own = Some(actor.clone());
        Ok(actor)
    }
}

impl WorkerStub {
    /// The actor that all entrypoints of an export share.
    fn shared_actor(&self, export: &Export) -> Result<Arc<Actor>> {
        let mut shared = self.0.entrypoints.lock();
        if let Some(actor) = shared.get(&export.name).cloned().and_then(Behind::working) {
            return Ok(actor);
        }
        // Those of exports that aren't there would stay for ever.
        let broken: Vec<_> =
            shared.extract_if(|_, actor| actor.clone().working().is_none()).collect();
        let actor = self.actor_of(export)?;
        shared.insert(export.name.clone(), actor.clone());
        // Only now: their end takes locks.
        drop(shared);
        drop(broken);
        Ok(actor)
    }
}
