//! The Worker Loader.

use std::sync::Arc;

use facetbox::{ExportOptions, WorkerCode};
use napi::{Env, Result};
use napi_derive::napi;

use crate::capability::Capability;
use crate::class::Class;
use crate::codec::{unpack, unpack_error};
use crate::mailbox::Mailbox;
use crate::stub::Stub;

/// Loads guest code.
#[napi]
pub struct Loader {
    core: facetbox::Loader,
    mailbox: Arc<Mailbox>,
}

impl Loader {
    pub(crate) fn new(core: facetbox::Loader, mailbox: &Arc<Mailbox>) -> Loader {
        Loader { core, mailbox: mailbox.clone() }
    }

    pub(crate) fn core(&self) -> &facetbox::Loader {
        &self.core
    }

    fn code(
        &self,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> facetbox::Result<WorkerCode> {
        unpack(&self.mailbox, bytes, capabilities).and_then(WorkerCode::from_value)
    }

    fn worker(&self, core: facetbox::WorkerStub) -> WorkerStub {
        WorkerStub { core, mailbox: self.mailbox.clone() }
    }
}

#[napi]
impl Loader {
    /// Loads code that isn't cached.
    #[napi(catch_unwind)]
    pub fn load(
        &self,
        env: &Env,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<WorkerStub> {
        let worker = self.code(bytes, capabilities).and_then(|code| self.core.load(code));
        let worker = self.mailbox.check(env, worker)?;
        Ok(self.worker(worker))
    }

    /// The worker cached as `id`.
    #[napi(catch_unwind)]
    pub fn cached(&self, id: String) -> Option<WorkerStub> {
        self.core.cached(&id).map(|worker| self.worker(worker))
    }

    /// The worker of some code, cached as `id` if it is good.
    #[napi(catch_unwind)]
    pub fn insert(
        &self,
        id: Option<String>,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> WorkerStub {
        self.worker(self.core.insert(id.as_deref(), self.code(bytes, capabilities)))
    }

    /// The worker whose code could not be had; using it fails with this error.
    #[napi(catch_unwind)]
    pub fn insert_failed(&self, error: &[u8]) -> WorkerStub {
        self.worker(self.core.insert(None, Err(unpack_error(&self.mailbox, error))))
    }
}

/// Loaded code.
#[napi]
pub struct WorkerStub {
    core: facetbox::WorkerStub,
    mailbox: Arc<Mailbox>,
}

impl WorkerStub {
    fn options(
        &self,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> facetbox::Result<ExportOptions> {
        unpack(&self.mailbox, bytes, capabilities).and_then(ExportOptions::from_value)
    }
}

#[napi]
impl WorkerStub {
    /// An exported class.
    #[napi(catch_unwind)]
    pub fn get_durable_object_class(
        &self,
        env: &Env,
        name: String,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<Class> {
        let options = self.options(bytes, capabilities);
        let options = self.mailbox.check(env, options)?;
        Ok(Class::new(self.core.get_durable_object_class(&name, options)))
    }

    /// An exported entrypoint.
    #[napi(catch_unwind)]
    pub fn get_entrypoint(
        &self,
        env: &Env,
        name: String,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<Stub> {
        let options = self.options(bytes, capabilities);
        let stub = options.and_then(|options| self.core.get_entrypoint(&name, options));
        let stub = self.mailbox.check(env, stub)?;
        Ok(Stub::new(stub, &self.mailbox))
    }
}
