//! Functions and objects that guests, or other JavaScript environments, have passed by reference.

use std::sync::Arc;

use facetbox::{Error, ErrorCode, Value};
use napi::{Env, Result};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::capability::Capability;
use crate::codec::unpack_list;
use crate::ctx::Ctx;
use crate::mailbox::Mailbox;
use crate::stub::Call;

/// A function or object of the other side.
#[napi]
pub struct RpcStub {
    /// Empty once it has been released.
    core: Mutex<Option<facetbox::RpcStub>>,
    mailbox: Arc<Mailbox>,
    is_function: bool,
}

impl RpcStub {
    pub(crate) fn new(core: facetbox::RpcStub, mailbox: &Arc<Mailbox>) -> RpcStub {
        let is_function = core.is_function();
        RpcStub { core: Mutex::new(Some(core)), mailbox: mailbox.clone(), is_function }
    }

    /// The value that it stands for.
    pub(crate) fn value(&self) -> facetbox::Result<Value> {
        self.core().map(|core| core.to_value())
    }

    fn core(&self) -> facetbox::Result<facetbox::RpcStub> {
        let disposed = || Error::new(ErrorCode::Closed, "RPC stub used after being disposed.");
        self.core.lock().clone().ok_or_else(disposed)
    }
}

#[napi]
impl RpcStub {
    /// Whether it is a function, in contrast to an object with methods.
    #[napi(getter, catch_unwind)]
    pub fn is_function(&self) -> bool {
        self.is_function
    }

    /// Calls the function, or a method of the object; the number of the call is given back. `scope` and `owner` say
    /// for which event and whose code calls.
    #[napi(catch_unwind)]
    pub fn call(
        &self,
        env: &Env,
        method: Option<String>,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
        scope: u32,
        owner: Option<&Ctx>,
    ) -> Result<u32> {
        let core = self.mailbox.check(env, self.core())?;
        let args = unpack_list(&self.mailbox, bytes, capabilities);
        let args = self.mailbox.check(env, args)?;
        let call = || {
            let answer = core.call_in_order(method.as_deref(), args);
            let (id, task) = Call::of(&self.mailbox, answer);
            core.spawn(task);
            id
        };
        Ok(self.mailbox.within(scope, owner, call))
    }

    /// Lets the other side forget it.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        let core = self.core.lock().take();
        drop(core);
    }
}
