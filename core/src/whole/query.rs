//! SQL of an operator.

use std::path::PathBuf;
use std::sync::Arc;

use super::objects::no_facet;
use super::turn::{Quiet, last_running};
use crate::actor::Event;
use crate::error::{Error, ErrorCode, Result};
use crate::id::ObjectId;
use crate::namespace::Namespace;
use crate::storage::QueryRows;
use crate::value::Value;

impl Namespace {
    /// Runs one SQL statement that reads, on the database of the object or, with names of facets, of the
    /// facet that they lead to. It sees everything, Facetbox's own tables included, and can't write.
    ///
    /// Waits until what it reads is between two events; a facet that doesn't run isn't started. An answer
    /// has at most 10,000 rows and 16 MiB.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace, a statement that does anything but
    /// read, several statements and a wrong number of bindings; NOT_FOUND if there is no such object or
    /// facet or it has no data; LIMIT_CPU for a query that takes too much time or memory; STORAGE with
    /// SQLite's message, CORRUPT, DEADLOCK, CLOSED, FORKED.
    pub fn query(
        &self,
        id: &ObjectId,
        facets: &[&str],
        sql: &str,
        bindings: Vec<Value>,
    ) -> impl Future<Output = Result<QueryRows>> + Send + use<> {
        let facets = facets.iter().map(|name| (*name).to_owned()).collect();
        let query =
            Query { namespace: self.clone(), id: id.clone(), facets, sql: sql.into(), bindings };
        let parent = Event::current();
        async move { query.run(parent).await }
    }

    /// Like [`Namespace::query`], and blocks until the answer is there.
    ///
    /// # Errors
    /// As [`Namespace::query`].
    pub fn query_blocking(
        &self,
        id: &ObjectId,
        facets: &[&str],
        sql: &str,
        bindings: Vec<Value>,
    ) -> Result<QueryRows> {
        self.runtime().executor.block_on(self.query(id, facets, sql, bindings))
    }
}

struct Query {
    namespace: Namespace,
    id: ObjectId,
    facets: Vec<String>,
    sql: String,
    bindings: Vec<Value>,
}

impl Query {
    async fn run(self, parent: Option<Arc<Event>>) -> Result<QueryRows> {
        let Query { namespace, id, facets, sql, bindings } = self;
        namespace.check_id(&id)?;
        let _quiet = Quiet::wait(parent, || last_running(&namespace, &id, &facets)).await?;
        let dir = find(&namespace, &id, &facets)?;
        let rows = namespace.runtime().disk.query(&dir, &sql, &bindings)?;
        rows.ok_or_else(|| {
            Error::new(ErrorCode::NotFound, "There is nothing to query: it has no data.")
        })
    }
}

/// The directory of an object, or of the facet that a path of names leads to.
fn find(namespace: &Namespace, id: &ObjectId, facets: &[String]) -> Result<PathBuf> {
    let runtime = namespace.runtime();
    let mut dir = runtime.object_dir(namespace.name(), id);
    for name in facets {
        let number = runtime.disk.facet_number(&dir, name)?.ok_or_else(|| no_facet(name))?;
        dir.push(number.to_string());
    }
    Ok(dir)
}
