//! The Worker Loader: guest code in, classes and entrypoints out.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use crate::actor::{Actor, ActorId, Blueprint, BoxFuture, Class, GuestClass};
use crate::bindings::Bindings;
use crate::charge::{Charge, Holder};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::Compiled;
use crate::http::{Request, Response};
use crate::kept::Kept;
use crate::limits::{Limits, LimitsPatch};
use crate::metrics::Count;
use crate::namespace::{Namespace, WeakNamespace};
use crate::rpc::HostFunction;
use crate::runtime::RuntimeInner;
use crate::stub::Stub;
use crate::tail::{Tail, Targets};
use crate::value::{Value, ValueMap};

/// The most that the code of the workers that a loader caches takes together.
const MAX_CACHE_BYTES: usize = 256 << 20;

const MAX_CODE_BYTES: usize = 64 << 20;
const MAX_ENV_BYTES: usize = 1 << 20;
/// What a worker takes beside its modules and env.
const FIXED_BYTES: usize = 1 << 10;

/// One module of guest code.
#[derive(Clone, Debug)]
pub enum Module {
    /// Luau source.
    Luau(String),
    /// JavaScript source: an ES module.
    Js(String),
    /// Text; `require` gives it as a string.
    Text(String),
    /// Bytes; `require` gives them as a buffer.
    Data(Vec<u8>),
    /// A value; `require` gives a copy.
    Json(Value),
}

impl Module {
    /// The module that text under this name means: the extension decides.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for other extensions than `.luau`, `.lua`, `.js` and `.mjs`.
    pub fn from_name(name: &str, source: String) -> Result<Module> {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("luau" | "lua") => Ok(Module::Luau(source)),
            Some("js" | "mjs") => Ok(Module::Js(source)),
            Some("ts" | "tsx" | "jsx") => Err(Error::type_error(format!(
                "Module name must end with '.luau' or '.js' (or the content must be an object indicating the type explicitly). Got: {name}. TypeScript has to be compiled to JavaScript first."
            ))),
            _ => Err(Error::type_error(format!(
                "Module name must end with '.luau' or '.js' (or the content must be an object indicating the type explicitly). Got: {name}"
            ))),
        }
    }

    fn from_value(name: &str, value: Value) -> Result<Module> {
        let map = match value {
            Value::String(source) => return Module::from_name(name, source),
            Value::Map(map) => map,
            Value::List(items) if items.is_empty() => ValueMap::new(),
            other => {
                return Err(Error::type_error(format!(
                    "Module '{name}' must be text or a map, got {}.",
                    other.type_name()
                )));
            }
        };
        let known = ["luau", "js", "text", "data", "json", "cjs", "py", "wasm"];
        let mut given = map.into_iter().filter(|(key, _)| known.contains(&key.as_str()));
        let first = given.next();
        let count = given.count() + usize::from(first.is_some());
        let Some((kind, value)) = first.filter(|_| count == 1) else {
            return Err(Error::type_error(format!(
                "Each module must contain exactly one of 'luau', 'js', 'text', 'data' or 'json'. Module '{name}' contained {count} properties."
            )));
        };
        let wrong = |expected: &str, value: &Value| {
            Error::type_error(format!(
                "The {kind} of module '{name}' must be {expected}, got {}.",
                value.type_name()
            ))
        };
        match (kind.as_str(), value) {
            ("luau", Value::String(source)) => Ok(Module::Luau(source)),
            ("js", Value::String(source)) => Ok(Module::Js(source)),
            ("text", Value::String(text)) => Ok(Module::Text(text)),
            ("luau" | "js" | "text", value) => Err(wrong("text", &value)),
            ("data", Value::Bytes(bytes)) => Ok(Module::Data(bytes)),
            ("data", value) => Err(wrong("bytes", &value)),
            ("json", value) => Ok(Module::Json(value)),
            (kind, _) => Err(Error::new(
                ErrorCode::Unsupported,
                format!(
                    "Module '{name}' has type '{kind}', which is not supported; use 'luau', 'js', 'text', 'data' or 'json'."
                ),
            )),
        }
    }

    fn size(&self) -> usize {
        match self {
            Module::Luau(text) | Module::Js(text) | Module::Text(text) => text.len(),
            Module::Data(bytes) => bytes.len(),
            Module::Json(value) => value.size(),
        }
    }
}

/// Who answers the requests that a guest makes with `fetch()`.
#[derive(Clone, Default)]
pub enum Outbound {
    /// Nobody: the guest has no network.
    #[default]
    Closed,
    /// An object or entrypoint.
    Stub(Stub),
    /// A function of the host.
    Handler(Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Response>> + Send + Sync>),
}

impl Outbound {
    /// A function of the host that gets requests and answers responses as values; see
    /// [`Request::to_value`] and [`Response::from_value`].
    pub fn function(function: HostFunction) -> Outbound {
        Outbound::Handler(Arc::new(move |request| {
            let answer = function.call(vec![request.to_value()]);
            Box::pin(async move { Response::from_value(&answer.await?) })
        }))
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outbound::Closed => "Outbound::Closed",
            Outbound::Stub(_) => "Outbound::Stub",
            Outbound::Handler(_) => "Outbound::Handler",
        })
    }
}

/// Guest code with all that it is given: modules, env, outbound handler and limits.
#[derive(Clone, Debug, Default)]
pub struct WorkerCode {
    /// The name of the module that exports classes; its type chooses the engine.
    pub main_module: String,
    /// The modules by name.
    pub modules: Vec<(String, Module)>,
    /// What the code gets as `env`: data, host functions and objects, stubs, loaders. Default empty.
    pub env: ValueMap,
    /// Who answers its `fetch()`. Default: nobody.
    pub global_outbound: Outbound,
    /// Limits, where lower than the runtime's.
    pub limits: LimitsPatch,
    /// Who gets the tail events of the code's objects, facets and entrypoints; default nobody. They get
    /// none of the deliveries themselves, nor of what those call forth.
    pub tails: Vec<Tail>,
}

impl WorkerCode {
    /// Code of one Luau module.
    pub fn luau(source: impl Into<String>) -> WorkerCode {
        WorkerCode {
            main_module: "main.luau".into(),
            modules: vec![("main.luau".into(), Module::Luau(source.into()))],
            ..WorkerCode::default()
        }
    }

    /// Reads it from a map with the keys of the JavaScript API: `mainModule`, `modules`, `env`,
    /// `globalOutbound`, `limits`, `tails`; `compatibilityDate` and `compatibilityFlags` are accepted and ignored.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for missing, unknown or wrong keys, UNSUPPORTED for module types
    /// and options that this version lacks.
    pub fn from_value(value: Value) -> Result<WorkerCode> {
        let Value::Map(map) = value else {
            let message = format!("WorkerCode must be a map, got {}.", value.type_name());
            return Err(Error::type_error(message));
        };
        let mut code = WorkerCode::default();
        let mut main = None;
        for (key, value) in map {
            match (key.as_str(), value) {
                ("mainModule", Value::String(name)) => main = Some(name),
                ("modules", Value::Map(modules)) => {
                    for (name, module) in modules {
                        let module = Module::from_value(&name, module)?;
                        code.modules.push((name, module));
                    }
                }
                ("modules", Value::List(items)) if items.is_empty() => {}
                ("env", Value::Map(env)) => code.env = env,
                ("env", Value::List(items)) if items.is_empty() => {}
                ("globalOutbound", Value::Stub(stub)) => {
                    code.global_outbound = Outbound::Stub(stub)
                }
                ("globalOutbound", Value::Function(function)) => {
                    code.global_outbound = Outbound::function(function);
                }
                ("limits", value) => code.limits = LimitsPatch::from_value(&value)?,
                ("compatibilityDate" | "compatibilityFlags" | "allowExperimental", _) => {}
                ("tails", value) => code.tails = Tail::list_from_value(value)?,
                ("streamingTails", value) if !value.is_nullish() => {
                    let message = "WorkerCode.streamingTails is not supported; use tails.";
                    return Err(Error::new(ErrorCode::Unsupported, message));
                }
                ("env" | "globalOutbound" | "streamingTails", Value::Null | Value::Undefined) => {}
                ("mainModule" | "modules" | "env" | "globalOutbound", value) => {
                    let message =
                        format!("WorkerCode.{key} has a wrong type: {}.", value.type_name());
                    return Err(Error::type_error(message));
                }
                _ => return Err(Error::type_error(format!("Unknown key in WorkerCode: '{key}'."))),
            }
        }
        if code.modules.is_empty() {
            return Err(no_modules());
        }
        let missing = || Error::type_error("WorkerCode.mainModule is missing.");
        code.main_module = main.ok_or_else(missing)?;
        Ok(code)
    }

    /// Reads it from what a guest with these limits wants to load.
    pub(crate) fn from_guest(value: Value, limits: Limits) -> Result<WorkerCode> {
        let code = WorkerCode::from_value(value)?;
        Ok(WorkerCode { limits: code.limits.within(limits), ..code })
    }

    fn modules_size(&self) -> usize {
        self.modules.iter().map(|(_, module)| module.size()).sum()
    }

    fn env_size(&self) -> usize {
        self.env.iter().map(|(key, value)| key.len() + value.size()).sum()
    }

    fn check(&self, runtime: &RuntimeInner) -> Result<()> {
        if self.modules.is_empty() {
            return Err(no_modules());
        }
        let size = self.modules_size();
        if size > MAX_CODE_BYTES {
            return Err(Error::named(
                ErrorCode::LoadError,
                "Error",
                format!(
                    "Dynamic Worker code size ({size} bytes) exceeds the maximum allowed size of {MAX_CODE_BYTES} bytes."
                ),
            ));
        }
        let size = self.env_size();
        if size > MAX_ENV_BYTES {
            return Err(Error::named(
                ErrorCode::LoadError,
                "Error",
                format!(
                    "Dynamic Worker env size ({size} bytes) exceeds the maximum allowed size of {MAX_ENV_BYTES} bytes."
                ),
            ));
        }
        match self.modules.iter().find(|(name, _)| *name == self.main_module) {
            Some((_, main)) => runtime.engines.check(self, main),
            None => Err(Error::named(
                ErrorCode::LoadError,
                "TypeError",
                format!("The main module '{}' is not among the modules.", self.main_module),
            )),
        }
    }
}

fn no_modules() -> Error {
    let message = "Dynamic Worker code must contain at least one module.";
    Error::named(ErrorCode::LoadError, "TypeError", message)
}

/// Loads guest code; the only way from text to a class.
#[derive(Clone)]
pub struct Loader(Arc<LoaderInner>);

struct LoaderInner {
    runtime: Arc<RuntimeInner>,
    cache: Mutex<Kept<String, WorkerStub>>,
}

impl Loader {
    pub(crate) fn new(runtime: &Arc<RuntimeInner>) -> Loader {
        Loader(Arc::new(LoaderInner {
            runtime: runtime.clone(),
            cache: Mutex::new(Kept::new(MAX_CACHE_BYTES)),
        }))
    }

    /// Whether both are clones of one loader.
    pub(crate) fn is(&self, other: &Loader) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Loads code that isn't cached.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, LOAD_ERROR or UNSUPPORTED for code that can't be loaded whatever its modules
    /// say, such as modules for an engine that [`Options::engines`](crate::Options::engines) leaves out.
    /// Errors in modules show at the first use of a class or entrypoint.
    pub fn load(&self, code: WorkerCode) -> Result<WorkerStub> {
        self.load_for(None, code)
    }

    /// Loads code that counts as memory of a guest while any of it is there.
    pub(crate) fn load_for(&self, guest: Option<Guest>, code: WorkerCode) -> Result<WorkerStub> {
        code.check(&self.0.runtime)?;
        self.0.runtime.metrics.add(Count::Loads, 1);
        let worker = WorkerStub::new(&self.0.runtime, Ok(code), guest);
        worker.charge();
        Ok(worker)
    }

    /// The worker cached as `id`, loaded from what `code` answers if there is none. What was used least
    /// recently leaves the cache when its code takes more than 256 MiB together.
    ///
    /// A failure isn't cached: it shows at the first use of the worker, and the next `get` tries again.
    pub fn get(&self, id: &str, code: impl FnOnce() -> Result<WorkerCode>) -> WorkerStub {
        self.cached(id).unwrap_or_else(|| self.insert(Some(id), code()))
    }

    /// The worker cached as `id`.
    pub fn cached(&self, id: &str) -> Option<WorkerStub> {
        let cached = self.0.cache.lock().get(id);
        self.0.runtime.metrics.add(Count::CacheHits, u64::from(cached.is_some()));
        cached
    }

    /// Makes a worker of code or of the failure to get any, and caches it if it is good.
    pub fn insert(&self, id: Option<&str>, code: Result<WorkerCode>) -> WorkerStub {
        self.insert_for(None, id, code)
    }

    /// Code that leaves the cache while any of it is in use counts as memory of the guest that it came from.
    pub(crate) fn insert_for(
        &self,
        guest: Option<Guest>,
        id: Option<&str>,
        code: Result<WorkerCode>,
    ) -> WorkerStub {
        let code = code.and_then(|code| code.check(&self.0.runtime).map(|()| code));
        let good = code.is_ok();
        self.0.runtime.metrics.add(Count::Loads, u64::from(good));
        let worker = WorkerStub::new(&self.0.runtime, code, guest);
        match id {
            Some(id) if good => {
                let bytes = worker.bytes();
                let mut cache = self.0.cache.lock();
                if let Some(first) = cache.get(id) {
                    return first;
                }
                let left = cache.put(id.to_owned(), worker.clone(), bytes);
                drop(cache);
                left.iter().for_each(WorkerStub::charge);
                // Only now: actors may end with what leaves, which takes locks.
                drop(left);
                worker
            }
            _ => {
                worker.charge();
                worker
            }
        }
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loader")
    }
}

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
    code: Result<WorkerCode>,
    compiled: OnceLock<Result<Compiled>>,
    bindings: OnceLock<Bindings>,
    entrypoints: Mutex<HashMap<String, Arc<Actor>>>,
    namespaces: Mutex<HashMap<String, WeakNamespace>>,
    tails: Option<Arc<Targets>>,
    guest: Option<Guest>,
    /// What its code counts as the guest's.
    charge: OnceLock<Charge>,
}

/// The guest that has loaded something.
type Guest = Arc<dyn Holder>;

impl WorkerStub {
    fn new(
        runtime: &Arc<RuntimeInner>,
        code: Result<WorkerCode>,
        guest: Option<Guest>,
    ) -> WorkerStub {
        let worker = Arc::new(WorkerInner {
            tails: code.as_ref().ok().and_then(|code| Targets::new(&code.tails)),
            runtime: Arc::downgrade(runtime),
            code,
            compiled: OnceLock::new(),
            bindings: OnceLock::new(),
            entrypoints: Mutex::default(),
            namespaces: Mutex::default(),
            guest,
            charge: OnceLock::new(),
        });
        WorkerStub(Arc::new(Handle { worker, owner: true }))
    }

    /// The exported class `name`. That it exists is checked when it is used.
    pub fn get_durable_object_class(&self, name: &str, options: ExportOptions) -> Class {
        let ExportOptions { props, limits } = options;
        Class::guest(GuestClass { worker: self.clone(), export: name.to_owned(), props, limits })
    }

    /// The exported entrypoint `name`, stateless; `"default"` names the default export.
    ///
    /// # Errors
    /// CLOSED.
    pub fn get_entrypoint(&self, name: &str, options: ExportOptions) -> Result<Stub> {
        let runtime = self.0.runtime.upgrade().ok_or_else(crate::executor::closed)?;
        let (worker, export) = (self.clone(), name.to_owned());
        let own = Mutex::new(None);
        Ok(Stub::entrypoint(runtime, Entrypoint { worker, export, options, own }))
    }

    /// About how much memory its code takes.
    fn bytes(&self) -> usize {
        let code = self.0.code.as_ref().map_or(0, |code| code.modules_size() + code.env_size());
        code + FIXED_BYTES
    }

    /// Counts its code as memory of the guest that has loaded it, as long as any of it is there.
    fn charge(&self) {
        if let Some(guest) = &self.0.guest {
            self.0.charge.get_or_init(|| Charge::new(guest.clone(), self.bytes()));
        }
    }

    pub(crate) fn code(&self) -> Result<&WorkerCode> {
        self.0.code.as_ref().map_err(Clone::clone)
    }

    /// What it can call of its `env`.
    pub(crate) fn bindings(&self) -> &Bindings {
        let of = || self.code().map(Bindings::of).unwrap_or_default();
        self.0.bindings.get_or_init(of)
    }

    /// Who gets its tail events, if anybody.
    pub(crate) fn tails(&self) -> Option<&Arc<Targets>> {
        self.0.tails.as_ref()
    }

    pub(crate) fn limits(&self) -> LimitsPatch {
        self.0.code.as_ref().map_or_else(|_| LimitsPatch::default(), |code| code.limits)
    }

    /// The modules compiled, once for all instances.
    pub(crate) fn compiled(&self) -> Result<&Compiled> {
        let compiled = self.0.compiled.get_or_init(|| {
            let runtime = self.0.runtime.upgrade().ok_or_else(crate::executor::closed)?;
            Compiled::new(self.code()?, &runtime.engines)
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
    pub(crate) fn new_actor(&self, export: &str, options: &ExportOptions) -> Result<Arc<Actor>> {
        let runtime = self.0.runtime.upgrade().ok_or_else(crate::executor::closed)?;
        let worker = WorkerStub(Arc::new(Handle { worker: self.0.worker.clone(), owner: false }));
        let class = worker.get_durable_object_class(export, options.clone());
        let limits = runtime.limits.lowered(self.limits()).lowered(options.limits);
        let blueprint = Blueprint {
            path: format!("worker/{export}"),
            id: ActorId::Text(export.to_owned()),
            class,
            env: ValueMap::new(),
            props: options.props.clone(),
            limits,
            dir: None,
            namespace: None,
            parent: None,
        };
        let actor = Actor::new(runtime.clone(), blueprint);
        runtime.add_entrypoint(&actor);
        Ok(actor)
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

/// Where calls of an entrypoint go.
pub(crate) struct Entrypoint {
    worker: WorkerStub,
    export: String,
    options: ExportOptions,
    own: Mutex<Option<Arc<Actor>>>,
}

impl Entrypoint {
    pub fn export(&self) -> &str {
        &self.export
    }

    /// The actor behind it, made if there is none that works. Entrypoints without options share one
    /// for each export of a worker.
    pub fn actor(&self) -> Result<Arc<Actor>> {
        let working = |actor: &&Arc<Actor>| actor.broken().is_none();
        let plain =
            self.options.props.is_nullish() && self.options.limits == LimitsPatch::default();
        if plain && self.worker.0.owner {
            let mut shared = self.worker.0.entrypoints.lock();
            if let Some(actor) = shared.get(&self.export).filter(working) {
                return Ok(actor.clone());
            }
            let actor = self.worker.new_actor(&self.export, &self.options)?;
            shared.insert(self.export.clone(), actor.clone());
            return Ok(actor);
        }
        let mut own = self.own.lock();
        if let Some(actor) = own.as_ref().filter(working) {
            return Ok(actor.clone());
        }
        let actor = self.worker.new_actor(&self.export, &self.options)?;
        *own = Some(actor.clone());
        Ok(actor)
    }
}
