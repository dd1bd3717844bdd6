//! What a host or guest gives to be loaded: modules, env, outbound handler and limits.

use std::fmt;
use std::sync::Arc;

use crate::actor::BoxFuture;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{Request, Response};
use crate::limits::{Limits, LimitsPatch};
use crate::rpc::HostFunction;
use crate::runtime::RuntimeInner;
use crate::stub::Stub;
use crate::tail::Tail;
use crate::value::{Value, ValueMap};

const MAX_CODE_BYTES: usize = 64 << 20;
const MAX_ENV_BYTES: usize = 1 << 20;
/// Each gets every event.
const MAX_TAILS: usize = 16;

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
            ("data", Value::Bytes(bytes) | Value::View(_, bytes)) => Ok(Module::Data(bytes)),
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
    /// A function that gets each request, as a [`Value::Request`], and answers a response: as a
    /// [`Value::Response`], or as the map that [`Response::to_value`] gives.
    pub fn function(function: HostFunction) -> Outbound {
        Outbound::Handler(Arc::new(move |request| {
            let answer = function.call(vec![request.into()]);
            Box::pin(async move {
                match answer.await? {
                    Value::Response(response) => Ok(*response),
                    map @ Value::Map(_) => Response::from_value(&map),
                    other => Err(Error::type_error(format!(
                        "globalOutbound must answer a Response, got {}.",
                        other.type_name()
                    ))),
                }
            })
        }))
    }

    /// What a value means as the `globalOutbound` of code: a stub; a function, as [`Outbound::function`] says; or
    /// null, for nobody. What a [`Revoker`](crate::Revoker) has wrapped answers until it is revoked.
    ///
    /// ```
    /// use facetbox::{ErrorCode, HostFunction, Outbound, Response, Revoker, Runtime, WorkerCode};
    ///
    /// let network = HostFunction::new("network", |_request| Ok(Response::text("hello").into()));
    /// let revoker = Revoker::new();
    /// let mut code = WorkerCode::luau(
    ///     "local App = DurableObject:extend('App')
    ///      function App:get() return fetch('http://elsewhere/'):text() end
    ///      return { App = App }",
    /// );
    /// code.global_outbound = Outbound::from_value(revoker.wrap(network.into())?)?;
    ///
    /// let runtime = Runtime::open_in_memory()?;
    /// let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    /// let app = runtime.namespace("App", class)?.get_by_name("one");
    /// assert_eq!(app.call_blocking("get", vec![])?, "hello".into());
    ///
    /// revoker.revoke();
    /// let error = app.call_blocking("get", vec![]).unwrap_err();
    /// assert_eq!((error.code(), error.message()), (ErrorCode::Aborted, "The function \"network\" was revoked."));
    /// # Ok::<(), facetbox::Error>(())
    /// ```
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for anything else.
    pub fn from_value(value: Value) -> Result<Outbound> {
        match value {
            Value::Null | Value::Undefined => Ok(Outbound::Closed),
            Value::Stub(stub) => Ok(Outbound::Stub(stub)),
            Value::Function(function) => Ok(Outbound::function(function)),
            other => Err(Error::type_error(format!(
                "WorkerCode.globalOutbound must be a stub, a function or null, got {}.",
                other.type_name()
            ))),
        }
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
    /// The modules by name. Of two with one name the later one counts.
    pub modules: Vec<(String, Module)>,
    /// What the code gets as `env`: data, host functions and objects, stubs, loaders. Default empty.
    pub env: ValueMap,
    /// Who answers its `fetch()`. Default: nobody.
    pub global_outbound: Outbound,
    /// Limits, where lower than the runtime's.
    pub limits: LimitsPatch,
    /// Who gets the tail events of the code's objects, facets and entrypoints: at most 16; default nobody. They get
    /// none of the deliveries themselves, nor of what those call forth.
    pub tails: Vec<Tail>,
}

impl WorkerCode {
    /// Code of one Luau module, in which it is `main.luau`.
    pub fn luau(source: impl Into<String>) -> WorkerCode {
        WorkerCode {
            main_module: "main.luau".into(),
            modules: vec![("main.luau".into(), Module::Luau(source.into()))],
            ..WorkerCode::default()
        }
    }

    /// Code of one JavaScript module, in which it is `main.js`. It needs the crate's feature `quickjs` when it is used.
    ///
    /// ```
    /// # #[cfg(feature = "quickjs")]
    /// # fn main() -> facetbox::Result<()> {
    /// use facetbox::{Runtime, WorkerCode};
    ///
    /// let code = WorkerCode::js(
    ///     "import { WorkerEntrypoint } from 'cloudflare:workers';
    ///      export default class extends WorkerEntrypoint { add(a, b) { return a + b; } }",
    /// );
    /// let runtime = Runtime::open_in_memory()?;
    /// let adder = runtime.loader().load(code)?.get_entrypoint("default", Default::default())?;
    /// assert_eq!(adder.call_blocking("add", vec![1.into(), 2.into()])?.as_f64(), Some(3.0));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "quickjs"))]
    /// # fn main() {}
    /// ```
    pub fn js(source: impl Into<String>) -> WorkerCode {
        WorkerCode {
            main_module: "main.js".into(),
            modules: vec![("main.js".into(), Module::Js(source.into()))],
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
                ("globalOutbound", value) => code.global_outbound = Outbound::from_value(value)?,
                ("limits", value) => code.limits = LimitsPatch::from_value(&value)?,
                ("compatibilityDate" | "compatibilityFlags" | "allowExperimental", _) => {}
                ("tails", value) => code.tails = Tail::list_from_value(value)?,
                ("streamingTails", value) if !value.is_nullish() => {
                    let message = "WorkerCode.streamingTails is not supported; use tails.";
                    return Err(Error::new(ErrorCode::Unsupported, message));
                }
                ("env" | "streamingTails", Value::Null | Value::Undefined) => {}
                ("mainModule" | "modules" | "env", value) => {
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

    pub(super) fn modules_size(&self) -> usize {
        self.modules.iter().map(|(_, module)| module.size()).sum()
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.modules.iter().map(|(name, _)| name.len()).sum();
        self.modules_size() + names + self.env_size()
    }

    pub(super) fn env_size(&self) -> usize {
        self.env.iter().map(|(key, value)| key.len() + value.size()).sum()
    }

    pub(super) fn check(&self, runtime: &RuntimeInner) -> Result<()> {
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
        if self.tails.len() > MAX_TAILS {
            return Err(Error::type_error(format!(
                "WorkerCode.tails has {} entries and may have {MAX_TAILS}.",
                self.tails.len()
            )));
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

/// The name of the module that `path` means in the module `from`: relative to its folder, or from the root.
pub(crate) fn module_name(from: &str, path: &str) -> String {
    let relative = path.starts_with("./") || path.starts_with("../");
    let folder = match from.rsplit_once('/') {
        Some((folder, _)) if relative => folder,
        _ => "",
    };
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn no_modules() -> Error {
    let message = "Dynamic Worker code must contain at least one module.";
    Error::named(ErrorCode::LoadError, "TypeError", message)
}
