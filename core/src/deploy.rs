//! Deployments: whole modules in the style of Cloudflare Workers, which the platform trusts.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_lite::future;
use parking_lot::Mutex;

use crate::actor::{Actor, BoxFuture, Class, Event, Hold};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::{self, Export};
use crate::host::no_fetch_handler;
use crate::http::{Request, Response};
use crate::loader::{ExportOptions, Loader, WorkerCode, WorkerStub};
use crate::namespace::{Namespace, NamespaceOptions};
use crate::runtime::{Runtime, RuntimeInner};
use crate::stub::Stub;
use crate::value::ValueMap;

/// The export that answers the requests of a deployment.
const DEFAULT: &str = "default";

/// A module that runs under a name: its classes are namespaces, its default export answers requests.
///
/// Cloning is cheap. All handles of one name see the version that was deployed last.
#[derive(Clone)]
pub struct Deployment(Arc<Inner>);

struct Inner {
    runtime: Arc<RuntimeInner>,
    name: String,
    version: Mutex<Version>,
}

struct Version {
    worker: WorkerStub,
    exports: Vec<Export>,
    /// By class: those of earlier versions, too.
    namespaces: HashMap<String, Namespace>,
    /// Shared by all requests, so that they meet in one instance of the default export.
    fetcher: Stub,
}

impl Runtime {
    /// Runs a whole module, in Luau or JavaScript, that may contain supervisors and a fetch handler.
    ///
    /// Each class that it exports and that extends DurableObject becomes the namespace `name/Class`, which the
    /// module's own code reaches as `ctx.exports.Class`. Its default export, if it has a fetch handler, answers
    /// [`Deployment::fetch`]. Its `env` is that of `code` with the entries of `env` put over it, and has a
    /// Worker Loader as `LOADER` unless one of them says otherwise.
    ///
    /// The module is compiled and evaluated now, under the limits of one event, so that its errors show here.
    /// Objects and entrypoints evaluate it again when they start.
    ///
    /// Deploying a name again replaces its code once the new code has been evaluated: objects that run fail what
    /// they are doing with RESET, new stubs reach the new code, data stays. Requests that the old default export is
    /// answering go on with the old code. A class that isn't exported any more keeps its namespace and data, and
    /// its objects fail with NOT_FOUND until a later version exports it again.
    ///
    /// Blocks until the module has been evaluated; runs guest code on this thread, as a blocking call does.
    ///
    /// ```
    /// use facetbox::{Request, Runtime, WorkerCode};
    ///
    /// let runtime = Runtime::open_in_memory()?;
    /// let code = WorkerCode::luau(r#"
    ///     local Room = DurableObject:extend("Room")
    ///     function Room:visit()
    ///         local kv = self.ctx.storage.kv
    ///         kv:put("visits", (kv:get("visits") or 0) + 1)
    ///         return kv:get("visits")
    ///     end
    ///
    ///     local Main = WorkerEntrypoint:extend("Main")
    ///     function Main:fetch(request)
    ///         local room = self.ctx.exports.Room:getByName(URL.new(request.url).pathname)
    ///         return Response.new(`visit {room:visit()}`)
    ///     end
    ///
    ///     return { Room = Room, default = Main }
    /// "#);
    /// let site = runtime.deploy("site", code, None)?;
    /// assert_eq!(site.fetch_blocking(Request::get("http://site/kitchen")?)?.body_text(), "visit 1");
    /// let kitchen = site.namespace("Room")?.get_by_name("/kitchen");
    /// assert_eq!(kitchen.call_blocking("visit", vec![])?, 2.into());
    ///
    /// let broken = runtime.deploy("site", WorkerCode::luau("return {"), None).unwrap_err();
    /// assert_eq!(broken.code(), facetbox::ErrorCode::LoadError);
    /// # Ok::<(), facetbox::Error>(())
    /// ```
    ///
    /// # Errors
    /// LOAD_ERROR with module, line and (in JavaScript) column if the module doesn't load or exports neither a class
    /// nor an entrypoint; GUEST_ERROR for what it throws when it is evaluated; the codes of limits;
    /// INVALID_ARGUMENT for a name that is empty or has a NUL, or if a namespace `name/Class` is bound to something
    /// else; UNSUPPORTED as [`Loader::load`]; CLOSED; FORKED. Nothing has changed then.
    pub fn deploy(
        &self,
        name: &str,
        code: WorkerCode,
        env: Option<ValueMap>,
    ) -> Result<Deployment> {
        self.inner().executor.block_on(self.deploy_async(name, code, env))
    }

    /// As [`Runtime::deploy`], for callers that must not block: the future may be polled by any executor;
    /// dropping it before its end deploys nothing.
    pub fn deploy_async(
        &self,
        name: &str,
        mut code: WorkerCode,
        env: Option<ValueMap>,
    ) -> impl Future<Output = Result<Deployment>> + Send + use<> {
        let (runtime, name, caller) = (self.inner().clone(), name.to_owned(), Event::current());
        async move {
            runtime.check_open()?;
            if name.is_empty() || name.contains('\0') {
                let message =
                    format!("A deployment's name must not be empty or contain NUL, got {name:?}.");
                return Err(Error::type_error(message));
            }
            let given = env.unwrap_or_default();
            code.env = runtime.default_env().into_iter().chain(code.env).chain(given).collect();
            let worker = Loader::new(&runtime).load(code)?;
            let exports = worker.exports(caller).await.map_err(|e| e.with_path(name.as_str()))?;
            Deployment::install(&runtime, &name, worker, exports)
        }
    }
}

impl Version {
    /// Binds a namespace to each class that no earlier version had.
    fn new(
        runtime: &Arc<RuntimeInner>,
        name: &str,
        worker: WorkerStub,
        exports: Vec<Export>,
        earlier: &HashMap<String, Namespace>,
    ) -> Result<Version> {
        let fetcher = worker.get_entrypoint(DEFAULT, ExportOptions::default())?;
        let classes = exports.iter().filter(|export| export.is_class).map(|export| &export.name);
        let new: Vec<_> = classes.filter(|class| !earlier.contains_key(*class)).cloned().collect();
        let named = |class: &String| {
            let guest = worker.get_durable_object_class(class, ExportOptions::default());
            (format!("{name}/{class}"), guest)
        };
        let bound = runtime.bind(new.iter().map(named).collect(), &NamespaceOptions::default())?;
        Ok(Version { worker, exports, namespaces: new.into_iter().zip(bound).collect(), fetcher })
    }

    /// Takes over the namespaces of earlier versions. Gives the classes that it has replaced there, and the
    /// objects that run them and have to be failed.
    fn adopt(&mut self, earlier: HashMap<String, Namespace>) -> Vec<(Class, Vec<Arc<Actor>>)> {
        let replace = |(class, namespace): (&String, &Namespace)| {
            let options = ExportOptions::default();
            namespace.replace_class(self.worker.get_durable_object_class(class, options))
        };
        let replaced = earlier.iter().map(replace).collect();
        self.namespaces.extend(earlier);
        replaced
    }
}

impl WorkerStub {
    /// Evaluates the main module and lists what it exports.
    async fn exports(&self, caller: Option<Arc<Event>>) -> Result<Vec<Export>> {
        let actor = self.new_actor("exports")?;
        let event = Event::new(&actor, caller)?;
        let mut hold = Hold::take(&event).await?;
        let broken = async { Err(actor.end().await) };
        let exports = future::or(guest::exports(self, &event, &mut hold), broken).await?;
        if exports.is_empty() {
            let main = &self.code()?.main_module;
            let message =
                format!("The main module '{main}' exports neither a class nor an entrypoint.");
            return Err(Error::named(ErrorCode::LoadError, "TypeError", message));
        }
        Ok(exports)
    }
}

impl Deployment {
    /// Makes `worker` the code of its name. Changes nothing if that fails.
    fn install(
        runtime: &Arc<RuntimeInner>,
        name: &str,
        worker: WorkerStub,
        exports: Vec<Export>,
    ) -> Result<Deployment> {
        let mut deployments = runtime.deployments.lock();
        let known = deployments.get(name).cloned();
        let earlier = known.as_ref().map(|known| known.0.version.lock().namespaces.clone());
        let earlier = earlier.unwrap_or_default();
        let mut version = Version::new(runtime, name, worker, exports, &earlier)?;
        let replaced = version.adopt(earlier);
        let (deployment, old) = match known {
            Some(known) => {
                let old = std::mem::replace(&mut *known.0.version.lock(), version);
                (known, Some(old))
            }
            None => (Deployment::new(runtime, name, version), None),
        };
        deployments.insert(name.to_owned(), deployment.clone());
        // What ends below may run code of the host, so not under the lock.
        drop(deployments);
        let error =
            Error::new(ErrorCode::Reset, "Durable Object reset because its code was updated.");
        for (class, running) in replaced {
            running.iter().for_each(|actor| actor.fail(error.clone()));
            drop(class);
        }
        drop(old);
        Ok(deployment)
    }

    fn new(runtime: &Arc<RuntimeInner>, name: &str, version: Version) -> Deployment {
        let (runtime, name, version) = (runtime.clone(), name.to_owned(), Mutex::new(version));
        Deployment(Arc::new(Inner { runtime, name, version }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The classes that it exports, sorted.
    pub fn class_names(&self) -> Vec<String> {
        let version = self.0.version.lock();
        let classes = version.exports.iter().filter(|export| export.is_class);
        classes.map(|export| export.name.clone()).collect()
    }

    /// The namespace of an exported class. Its name is `name/Class`.
    ///
    /// # Errors
    /// NOT_FOUND, with the classes that there are; CLOSED; FORKED.
    pub fn namespace(&self, class: &str) -> Result<Namespace> {
        self.0.runtime.check_open()?;
        let exported = self.class_names();
        let namespace = self.0.version.lock().namespaces.get(class).cloned();
        namespace.filter(|_| exported.iter().any(|name| name == class)).ok_or_else(|| {
            let name = self.name();
            let message =
                format!("The deployment {name:?} exports no class {class:?}, only {exported:?}.");
            Error::new(ErrorCode::NotFound, message)
        })
    }

    /// A stub of an exported entrypoint; `"default"` names the default export. It keeps to the code that is
    /// deployed now.
    ///
    /// # Errors
    /// NOT_FOUND, CLOSED, FORKED.
    pub fn get_entrypoint(&self, name: &str) -> Result<Stub> {
        self.0.runtime.check_open()?;
        let version = self.0.version.lock();
        match version.exports.iter().any(|export| !export.is_class && export.name == name) {
            true => version.worker.get_entrypoint(name, ExportOptions::default()),
            false => {
                let message =
                    format!("The deployment {:?} exports no entrypoint {name:?}.", self.name());
                Err(Error::new(ErrorCode::NotFound, message))
            }
        }
    }

    /// The stub through which requests go: of the default export as it is deployed now.
    ///
    /// # Errors
    /// NOT_FOUND if it has no default export with a fetch handler; CLOSED; FORKED.
    pub fn fetcher(&self) -> Result<Stub> {
        self.0.runtime.check_open()?;
        let version = self.0.version.lock();
        let default = version.exports.iter().find(|export| export.name == DEFAULT);
        match default {
            Some(Export { is_class: false, has_fetch: true, .. }) => Ok(version.fetcher.clone()),
            _ => Err(no_fetch_handler().with_path(self.name())),
        }
    }

    /// Sends a request to the default export's fetch handler. The future may be polled by any executor; dropping
    /// it cancels the request.
    ///
    /// # Errors
    /// NOT_FOUND if there is no such handler; what it throws, and what stands in its way.
    pub fn fetch(&self, request: Request) -> impl Future<Output = Result<Response>> + Send + use<> {
        let response = self.fetcher().map(|fetcher| -> BoxFuture<'static, Result<Response>> {
            Box::pin(fetcher.fetch(request))
        });
        async move { response?.await }
    }

    /// As [`Deployment::fetch`], and blocks until it is answered.
    ///
    /// # Errors
    /// As [`Deployment::fetch`].
    pub fn fetch_blocking(&self, request: Request) -> Result<Response> {
        self.fetcher()?.fetch_blocking(request)
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deployment({:?})", self.name())
    }
}
