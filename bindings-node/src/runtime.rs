//! The runtime.

use std::sync::Arc;

use facetbox::{Alarms, Durability, LimitsPatch, NamespaceOptions, Options, Value, WorkerCode};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result};
use napi_derive::napi;

use crate::capability::Capability;
use crate::class::Class;
use crate::codec::{Handle, unpack, unpack_map};
use crate::ctx::Ctx;
use crate::deployment::Deployment;
use crate::loader::Loader;
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::namespace::Namespace;
use crate::stub::{Call, Ended};
use crate::task::Blocking;
use crate::usage::Report;

/// An open data directory. The JavaScript half keeps it until it is closed.
#[napi]
pub struct Runtime {
    core: facetbox::Runtime,
    mailbox: Arc<Mailbox>,
}

impl Drop for Runtime {
    /// Runs when the environment ends with the runtime open.
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Runtime {
    /// Opens a runtime on a thread of Node's pool.
    pub(crate) fn open(
        mailbox: &Arc<Mailbox>,
        options: Options,
    ) -> AsyncTask<Blocking<facetbox::Runtime, Runtime>> {
        let owner = mailbox.clone();
        Blocking::new(
            mailbox,
            move || facetbox::Runtime::open_with(options),
            move |_, core| Ok(Runtime { core, mailbox: owner }),
        )
    }
}

#[napi]
impl Runtime {
    /// Binds a name to a class. `limits` is a packed map; so is `bytes`, the env, if there is one.
    #[napi(catch_unwind)]
    pub fn namespace(
        &self,
        env: &Env,
        name: String,
        class: &Class,
        limits: &[u8],
        bytes: Option<&[u8]>,
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<Namespace> {
        let bind = || {
            let limits = LimitsPatch::from_value(&unpack(&self.mailbox, limits, None)?)?;
            let bound = bytes.map(|bytes| unpack_map(&self.mailbox, bytes, capabilities));
            let options = NamespaceOptions { env: bound.transpose()?, limits };
            self.core.namespace_with(&name, class.core().clone(), options)
        };
        let namespace = self.mailbox.check(env, bind())?;
        Ok(Namespace::new(namespace, &self.mailbox))
    }

    /// The namespace bound to a name.
    #[napi(catch_unwind)]
    pub fn get_namespace(&self, env: &Env, name: String) -> Result<Namespace> {
        let namespace = self.core.get_namespace(&name);
        let namespace = self.mailbox.check(env, namespace)?;
        Ok(Namespace::new(namespace, &self.mailbox))
    }

    /// A Worker Loader.
    #[napi(catch_unwind)]
    pub fn loader(&self) -> Loader {
        Loader::new(self.core.loader(), &self.mailbox)
    }

    /// Runs a whole module under a name, as a call that ends with the deployment; its number is given back. `code` is a
    /// packed WorkerCode, `bytes` a packed map, the env, if there is one. `scope` and `owner` say for which event and
    /// whose code calls.
    #[allow(clippy::too_many_arguments, reason = "each is a value of its own in JavaScript")]
    #[napi(catch_unwind)]
    pub fn deploy(
        &self,
        env: &Env,
        scope: u32,
        owner: Option<&Ctx>,
        name: String,
        code: &[u8],
        code_capabilities: Option<Vec<Capability<'_>>>,
        bytes: Option<&[u8]>,
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<u32> {
        let read = || {
            let code = WorkerCode::from_value(unpack(&self.mailbox, code, code_capabilities)?)?;
            let given = bytes.map(|bytes| unpack_map(&self.mailbox, bytes, capabilities));
            Ok((code, given.transpose()?))
        };
        let (code, given) = self.mailbox.check(env, read())?;
        let deploy = || self.core.deploy_async(&name, code, given);
        let deployed = self.mailbox.within(scope, owner, deploy);
        let (call, mailbox) = (Call::new(&self.mailbox), self.mailbox.clone());
        let id = call.id;
        self.core.spawn(async move {
            let deployment = deployed.await.map(|core| Deployment::new(core, &mailbox));
            call.end(deployment.map(|deployment| Ended::Handle(Handle::I(deployment))));
        });
        Ok(id)
    }

    /// Fires the alarms that are due, as a call that ends with how many handlers ran. `scope` and `owner` say for
    /// which event and whose code calls.
    #[napi(catch_unwind)]
    pub fn run_due_alarms(&self, scope: u32, owner: Option<&Ctx>) -> u32 {
        let fired = self.mailbox.within(scope, owner, || self.core.run_due_alarms_async());
        let answer = async move { fired.await.map(|fired| Value::Int(fired as i64)) };
        let (id, task) = Call::of(&self.mailbox, answer);
        self.core.spawn(task);
        id
    }

    /// What it has done since it was opened.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> Metrics {
        self.core.metrics().into()
    }

    /// The same in the text format of Prometheus.
    #[napi(catch_unwind)]
    pub fn metrics_text(&self) -> String {
        self.core.metrics_text()
    }

    /// Checks everything on disk, on a thread of Node's pool.
    #[napi(ts_return_type = "Promise<Report>", catch_unwind)]
    pub fn verify(&self) -> AsyncTask<Blocking<facetbox::Report, Report>> {
        let runtime = self.core.clone();
        Blocking::new(&self.mailbox, move || runtime.verify(), |_, report| Ok(report.into()))
    }

    /// Closes it, on a thread of Node's pool.
    #[napi(ts_return_type = "Promise<void>", catch_unwind)]
    pub fn close(&self) -> AsyncTask<Blocking<(), ()>> {
        let runtime = self.core.clone();
        let work = move || {
            runtime.close();
            Ok(())
        };
        Blocking::new(&self.mailbox, work, |_, ()| Ok(()))
    }
}

/// The durability called `name`.
pub(crate) fn durability(name: Option<&str>) -> facetbox::Result<Durability> {
    match name {
        None | Some("full") => Ok(Durability::Full),
        Some("relaxed") => Ok(Durability::Relaxed),
        Some("none") => Ok(Durability::None),
        Some(other) => Err(facetbox::Error::type_error(format!(
            "durability must be 'full', 'relaxed' or 'none', got {other:?}."
        ))),
    }
}

/// Who fires alarms, by name.
pub(crate) fn alarms(name: Option<&str>) -> facetbox::Result<Alarms> {
    match name {
        None | Some("automatic") => Ok(Alarms::Automatic),
        Some("manual") => Ok(Alarms::Manual),
        Some(other) => Err(facetbox::Error::type_error(format!(
            "alarms must be 'automatic' or 'manual', got {other:?}."
        ))),
    }
}
