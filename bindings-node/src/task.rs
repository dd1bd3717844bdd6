//! Blocking work of the core on a thread of Node's pool, as a promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use facetbox::{Error, ErrorCode, Result};
use napi::bindgen_prelude::{AsyncTask, ToNapiValue, TypeName};
use napi::{Env, Task};

use crate::mailbox::Mailbox;

type Convert<T, J> = Box<dyn FnOnce(&Env, T) -> napi::Result<J> + Send>;

/// Work that blocks, and the conversion of what comes out. A pending one keeps the process alive.
pub struct Blocking<T, J> {
    mailbox: Arc<Mailbox>,
    work: Option<Box<dyn FnOnce() -> Result<T> + Send>>,
    convert: Option<Convert<T, J>>,
}

impl<T: Send + 'static, J: ToNapiValue + TypeName + 'static> Blocking<T, J> {
    /// Starts `work` on another thread; `convert` runs on the JavaScript thread.
    pub(crate) fn new(
        mailbox: &Arc<Mailbox>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        convert: impl FnOnce(&Env, T) -> napi::Result<J> + Send + 'static,
    ) -> AsyncTask<Blocking<T, J>> {
        AsyncTask::new(Blocking {
            mailbox: mailbox.clone(),
            work: Some(Box::new(work)),
            convert: Some(Box::new(convert)),
        })
    }
}

impl<T: Send + 'static, J: ToNapiValue + TypeName + 'static> Task for Blocking<T, J> {
    type Output = Result<T>;
    type JsValue = J;

    fn compute(&mut self) -> napi::Result<Result<T>> {
        let work = self.work.take().expect("a task is computed once");
        let output = catch_unwind(AssertUnwindSafe(work));
        Ok(output.unwrap_or_else(|_| Err(Error::new(ErrorCode::Panic, "The operation panicked."))))
    }

    fn resolve(&mut self, env: Env, output: Result<T>) -> napi::Result<J> {
        let value = self.mailbox.check(&env, output)?;
        let convert = self.convert.take().expect("a task is resolved once");
        convert(&env, value)
    }
}
