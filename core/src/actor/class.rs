//! Classes: what actors are instances of.

use std::fmt;
use std::sync::Arc;

use crate::charge::Charge;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::given::Given;
use crate::host::{DurableObject, EventLoopClass, HostClass};
use crate::limits::LimitsPatch;
use crate::loader::WorkerStub;
use crate::runtime::RuntimeInner;
use crate::value::{Value, ValueMap};

/// A class of objects or facets: of the host's language, or from guest code.
///
/// Cloning is cheap. The same class serves as a namespace's class and as a facet's class.
#[derive(Clone)]
pub struct Class(Arc<ClassKind>);

pub(crate) enum ClassKind {
    Host(HostClass),
    Guest(GuestClass),
}

/// A class or entrypoint exported by a worker's main module.
pub(crate) struct GuestClass {
    pub worker: WorkerStub,
    pub export: String,
    pub props: Props,
    pub limits: LimitsPatch,
    /// What it takes counts as memory of the guest that has asked for it.
    pub _charge: Option<Arc<Charge>>,
}

/// What an instance sees as `ctx.props`.
pub(crate) type Props = Given<Arc<Value>>;

impl Class {
    /// A class whose instances are made by `construct` and run on the thread that calls them.
    ///
    /// `construct` is the constructor: it runs once per start, with the turn held. An instance keeps
    /// its turn while it waits for calls that it makes.
    ///
    /// ```
    /// use facetbox::{Class, DurableObject, Result, Runtime, Value};
    ///
    /// struct Adder;
    /// impl DurableObject for Adder {
    ///     fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
    ///         match method {
    ///             "add" => Ok(Value::Int(args.iter().filter_map(Value::as_i64).sum())),
    ///             _ => Err(facetbox::no_such_method(method)),
    ///         }
    ///     }
    /// }
    ///
    /// let runtime = Runtime::open_in_memory()?;
    /// let adders = runtime.namespace("Adder", Class::host("Adder", |_ctx, _env| Ok(Adder)))?;
    /// let sum = adders.get_by_name("a").call_blocking("add", vec![1.into(), 2.into()])?;
    /// assert_eq!(sum, Value::Int(3));
    /// # Ok::<(), facetbox::Error>(())
    /// ```
    pub fn host<T: DurableObject>(
        name: impl Into<String>,
        construct: impl Fn(Ctx, ValueMap) -> Result<T> + Send + Sync + 'static,
    ) -> Class {
        let construct =
            move |ctx, env| Ok(Arc::new(construct(ctx, env)?) as Arc<dyn DurableObject>);
        Class(Arc::new(ClassKind::Host(HostClass::blocking(name.into(), construct))))
    }

    /// A class whose instances live on an event loop of the host: Node, asyncio.
    ///
    /// Its methods return futures, and its turn is free while they are pending.
    pub fn event_loop(name: impl Into<String>, class: impl EventLoopClass) -> Class {
        Class(Arc::new(ClassKind::Host(HostClass::event_loop(name.into(), Arc::new(class)))))
    }

    pub(crate) fn guest(class: GuestClass) -> Class {
        Class(Arc::new(ClassKind::Guest(class)))
    }

    /// The same class for objects of `runtime`, which lets go of its code when it closes.
    pub(crate) fn within(&self, runtime: &RuntimeInner) -> Class {
        match &*self.0 {
            ClassKind::Host(class) => Class(Arc::new(ClassKind::Host(class.within(runtime)))),
            ClassKind::Guest(_) => self.clone(),
        }
    }

    pub(crate) fn kind(&self) -> &ClassKind {
        &self.0
    }

    /// Whether `other` is the same class.
    pub(crate) fn is(&self, other: &Class) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn as_guest(&self) -> Option<&GuestClass> {
        match &*self.0 {
            ClassKind::Guest(class) => Some(class),
            ClassKind::Host(_) => None,
        }
    }

    /// Whether its instances live on an event loop.
    pub(crate) fn is_event_loop(&self) -> bool {
        matches!(&*self.0, ClassKind::Host(class) if class.is_event_loop())
    }

    /// The class's name.
    pub fn name(&self) -> &str {
        match &*self.0 {
            ClassKind::Host(class) => class.name(),
            ClassKind::Guest(class) => &class.export,
        }
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Class({:?})", self.name())
    }
}
