//! Taking back what was given: functions, objects and stubs that work until their giver revokes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event as Signal;
use futures_lite::future;

use crate::error::{Error, ErrorCode, Result};
use crate::value::{Value, ValueMap};

/// Takes capabilities back, at once and for whoever has got them meanwhile.
///
/// [`Revoker::wrap`] gives a capability that works as the one it was made from, until [`Revoker::revoke`]. Calls
/// then fail with ABORTED, those that are on their way included, and what they would have answered is lost; code of
/// the host that runs for one goes on to its end. The capability that was wrapped stays as it was, and so does what
/// calls have answered before: functions and objects among their answers aren't wrapped. Clones are one revoker;
/// dropping it revokes nothing.
#[derive(Clone, Debug, Default)]
pub struct Revoker(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    revoked: AtomicBool,
    signal: Signal,
}

impl Revoker {
    /// A revoker of nothing yet.
    pub fn new() -> Revoker {
        Revoker::default()
    }

    /// A function, object or stub that works until this is revoked; of a list, map, dictionary or set, such as an `env`, or of
    /// an error's cause, a copy in which each of them does. Data is copied as it is.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for classes, namespaces, loaders and stubs of facets, which can't be taken back:
    /// abort the facet that has them.
    pub fn wrap(&self, value: Value) -> Result<Value> {
        Ok(match value {
            Value::Function(function) => function.revocable(self).into(),
            Value::Object(object) => object.revocable(self).into(),
            Value::Stub(stub) => stub.revocable(self)?.into(),
            Value::Class(_) | Value::Namespace(_) | Value::Loader(_) => {
                return Err(irrevocable(&format!("A {}", value.type_name())));
            }
            Value::List(items) => Value::List(self.wrap_all(items)?),
            Value::Set(members) => Value::Set(self.wrap_all(members)?),
            Value::Dict(entries) => {
                let wrap = |(key, item)| Ok((self.wrap(key)?, self.wrap(item)?));
                Value::Dict(entries.into_iter().map(wrap).collect::<Result<_>>()?)
            }
            Value::Map(map) => {
                let wrap = |(key, item): (String, Value)| Ok((key, self.wrap(item)?));
                Value::Map(map.into_iter().map(wrap).collect::<Result<ValueMap>>()?)
            }
            Value::Error(error) => match error.cause().cloned() {
                Some(cause) => error.with_cause(self.wrap(cause)?).into(),
                None => error.into(),
            },
            data => data,
        })
    }

    fn wrap_all(&self, items: Vec<Value>) -> Result<Vec<Value>> {
        items.into_iter().map(|item| self.wrap(item)).collect()
    }

    /// Takes back all that was wrapped, and what will be. Doesn't block.
    pub fn revoke(&self) {
        self.0.revoked.store(true, Ordering::SeqCst);
        self.0.signal.notify(usize::MAX);
    }

    /// Whether that has been done.
    pub fn is_revoked(&self) -> bool {
        self.0.revoked.load(Ordering::SeqCst)
    }

    /// Makes a call of what is named `name`, unless or until that is revoked.
    pub(crate) async fn run<T>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if !self.is_revoked() {
            let answer = future::or(async { Some(call.await) }, async {
                self.revoked().await;
                None
            });
            if let Some(answer) = answer.await
                && !self.is_revoked()
            {
                return answer;
            }
        }
        Err(Error::new(ErrorCode::Aborted, format!("{name} was revoked.")))
    }

    async fn revoked(&self) {
        loop {
            let listener = self.0.signal.listen();
            if self.is_revoked() {
                return;
            }
            listener.await;
        }
    }
}

/// What is said of a thing that can't be wrapped.
pub(crate) fn irrevocable(what: &str) -> Error {
    Error::type_error(format!(
        "{what} can't be revoked, only functions, objects and stubs of objects and entrypoints. Abort the facet that has it."
    ))
}
