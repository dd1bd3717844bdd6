//! Deployments.

use std::sync::Arc;

use napi::{Env, Result};
use napi_derive::napi;

use crate::mailbox::Mailbox;
use crate::namespace::Namespace;
use crate::stub::Stub;

/// A module that runs under a name.
#[napi]
pub struct Deployment {
    core: facetbox::Deployment,
    mailbox: Arc<Mailbox>,
}

impl Deployment {
    pub(crate) fn new(core: facetbox::Deployment, mailbox: &Arc<Mailbox>) -> Deployment {
        Deployment { core, mailbox: mailbox.clone() }
    }
}

#[napi]
impl Deployment {
    /// Its name.
    #[napi(getter, catch_unwind)]
    pub fn name(&self) -> String {
        self.core.name().to_owned()
    }

    /// The classes that it exports.
    #[napi(getter, catch_unwind)]
    pub fn class_names(&self) -> Vec<String> {
        self.core.class_names()
    }

    /// The namespace of an exported class.
    #[napi(catch_unwind)]
    pub fn namespace(&self, env: &Env, class: String) -> Result<Namespace> {
        let namespace = self.mailbox.check(env, self.core.namespace(&class))?;
        Ok(Namespace::new(namespace, &self.mailbox))
    }

    /// A stub of an exported entrypoint.
    #[napi(catch_unwind)]
    pub fn get_entrypoint(&self, env: &Env, name: String) -> Result<Stub> {
        let stub = self.mailbox.check(env, self.core.get_entrypoint(&name))?;
        Ok(Stub::new(stub, &self.mailbox))
    }

    /// The stub through which requests go.
    #[napi(catch_unwind)]
    pub fn fetcher(&self, env: &Env) -> Result<Stub> {
        let stub = self.mailbox.check(env, self.core.fetcher())?;
        Ok(Stub::new(stub, &self.mailbox))
    }
}
