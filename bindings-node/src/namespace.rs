//! Namespaces.

use std::sync::Arc;

use facetbox::{QueryRows, Value, ValueMap};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result};
use napi_derive::napi;

use crate::capability::Capability;
use crate::codec::unpack_list;
use crate::id::ObjectId;
use crate::mailbox::Mailbox;
use crate::stub::{Call, Stub};
use crate::task::Blocking;
use crate::usage::Usage;

/// A name bound to a class.
#[napi]
pub struct Namespace {
    core: facetbox::Namespace,
    mailbox: Arc<Mailbox>,
}

impl Namespace {
    pub(crate) fn new(core: facetbox::Namespace, mailbox: &Arc<Mailbox>) -> Namespace {
        Namespace { core, mailbox: mailbox.clone() }
    }

    pub(crate) fn core(&self) -> &facetbox::Namespace {
        &self.core
    }

    /// Runs a call on the runtime's threads; its number is given back.
    fn start(&self, answer: impl Future<Output = facetbox::Result<Value>> + Send + 'static) -> u32 {
        let (id, task) = Call::of(&self.mailbox, answer);
        self.core.spawn(task);
        id
    }
}

#[napi]
impl Namespace {
    /// Its name.
    #[napi(getter, catch_unwind)]
    pub fn name(&self) -> String {
        self.core.name().to_owned()
    }

    /// The id that belongs to a name.
    #[napi(catch_unwind)]
    pub fn id_from_name(&self, name: String) -> ObjectId {
        ObjectId::new(self.core.id_from_name(&name))
    }

    /// Reads an id back from its text.
    #[napi(catch_unwind)]
    pub fn id_from_string(&self, env: &Env, text: String) -> Result<ObjectId> {
        let id = self.core.id_from_string(&text);
        self.mailbox.check(env, id.map(ObjectId::new))
    }

    /// A new random id.
    #[napi(catch_unwind)]
    pub fn new_unique_id(&self, env: &Env) -> Result<ObjectId> {
        let id = self.core.new_unique_id();
        self.mailbox.check(env, id.map(ObjectId::new))
    }

    /// A stub of the object with this id.
    #[napi(catch_unwind)]
    pub fn get(&self, env: &Env, id: &ObjectId) -> Result<Stub> {
        let stub = self.core.get(id.core());
        let stub = self.mailbox.check(env, stub)?;
        Ok(Stub::new(stub, &self.mailbox))
    }

    /// A stub of the object with this name.
    #[napi(catch_unwind)]
    pub fn get_by_name(&self, name: String) -> Stub {
        Stub::new(self.core.get_by_name(&name), &self.mailbox)
    }

    /// A page of the objects that have data, read on a thread of Node's pool.
    #[napi(ts_return_type = "Promise<ObjectId[]>", catch_unwind)]
    pub fn list(
        &self,
        after: Option<&ObjectId>,
        limit: u32,
    ) -> AsyncTask<Blocking<Vec<facetbox::ObjectInfo>, Vec<ObjectId>>> {
        let (namespace, after) = (self.core.clone(), after.map(|id| id.core().clone()));
        let work = move || namespace.list(after.as_ref(), limit as usize);
        Blocking::new(&self.mailbox, work, |_, infos| {
            Ok(infos.into_iter().map(|info| ObjectId::new(info.id)).collect())
        })
    }

    /// Whether an object has data.
    #[napi(ts_return_type = "Promise<boolean>", catch_unwind)]
    pub fn exists(&self, id: &ObjectId) -> AsyncTask<Blocking<bool, bool>> {
        let (namespace, id) = (self.core.clone(), id.core().clone());
        Blocking::new(&self.mailbox, move || namespace.exists(&id), |_, exists| Ok(exists))
    }

    /// Ends an object and removes its data.
    #[napi(ts_return_type = "Promise<void>", catch_unwind)]
    pub fn delete(&self, id: &ObjectId) -> AsyncTask<Blocking<(), ()>> {
        let (namespace, id) = (self.core.clone(), id.core().clone());
        Blocking::new(&self.mailbox, move || namespace.delete(&id), |_, ()| Ok(()))
    }

    /// What an object takes.
    #[napi(ts_return_type = "Promise<Usage>", catch_unwind)]
    pub fn usage(&self, id: &ObjectId) -> AsyncTask<Blocking<facetbox::Usage, Usage>> {
        let (namespace, id) = (self.core.clone(), id.core().clone());
        Blocking::new(&self.mailbox, move || namespace.usage(&id), |_, usage| Ok(usage.into()))
    }

    /// Makes an object from what was exported.
    #[napi(ts_return_type = "Promise<void>", catch_unwind)]
    pub fn import(&self, id: &ObjectId, path: String) -> AsyncTask<Blocking<(), ()>> {
        let (namespace, id) = (self.core.clone(), id.core().clone());
        Blocking::new(&self.mailbox, move || namespace.import(&id, &path), |_, ()| Ok(()))
    }

    /// Copies an object to a directory; the number of the call is given back. `scope` is that of the calling code.
    #[napi(catch_unwind)]
    pub fn export(&self, scope: u32, id: &ObjectId, path: String) -> u32 {
        let export = self.mailbox.within(scope, None, || self.core.export(id.core(), path));
        let done = async move { export.await.map(|()| Value::Undefined) };
        self.start(done)
    }

    /// Runs one statement that reads, with a packed list of bindings; the number of the call is given
    /// back, which ends with a map of columns, rows and truncated. `scope` is that of the calling code.
    #[allow(clippy::too_many_arguments, reason = "each is a value of its own in JavaScript")]
    #[napi(catch_unwind)]
    pub fn query(
        &self,
        env: &Env,
        scope: u32,
        id: &ObjectId,
        facets: Vec<String>,
        sql: String,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<u32> {
        let bindings = unpack_list(&self.mailbox, bytes, capabilities);
        let bindings = self.mailbox.check(env, bindings)?;
        let facets: Vec<&str> = facets.iter().map(String::as_str).collect();
        let query = || self.core.query(id.core(), &facets, &sql, bindings);
        let query = self.mailbox.within(scope, None, query);
        Ok(self.start(async move { query.await.map(rows_value) }))
    }
}

fn rows_value(answer: QueryRows) -> Value {
    let columns = answer.columns.into_iter().map(Value::from).collect();
    let rows = answer.rows.into_iter().map(Value::List).collect();
    Value::Map(ValueMap::from_iter([
        ("columns", Value::List(columns)),
        ("rows", Value::List(rows)),
        ("truncated", Value::Bool(answer.truncated)),
    ]))
}
