//! Whole objects: listing, measuring, copying, deleting and looking into them.

use std::mem::MaybeUninit;

use facetbox::{ActorId, Namespace, ObjectId, ObjectInfo, QueryRows, Result, Usage, ValueMap};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::namespace::facetbox_namespace_t;
use crate::object_id::facetbox_object_id_t;
use crate::slice::facetbox_str_t;
use crate::value::{count, facetbox_value_t, list};

/// One page of the objects of a namespace.
///
/// Threads: any; it never changes.
pub struct facetbox_object_list_t(Vec<facetbox_object_id_t>);

/// Usage as a map.
pub fn usage_value(usage: Usage) -> Box<facetbox_value_t> {
    facetbox_value_t::boxed(ValueMap::from_iter([
        ("storageBytes", count(usage.storage_bytes)),
        ("facets", count(usage.facets)),
        ("events", count(usage.events)),
        ("cpuMs", count(usage.cpu_ms)),
        ("rowsRead", count(usage.rows_read)),
        ("rowsWritten", count(usage.rows_written)),
        ("bytesIn", count(usage.bytes_in)),
        ("bytesOut", count(usage.bytes_out)),
        ("subrequests", count(usage.subrequests)),
    ]))
}

/// The namespace and id of an object.
pub fn parts<'a>(
    namespace: Option<&'a facetbox_namespace_t>,
    id: Option<&'a facetbox_object_id_t>,
) -> Result<(&'a Namespace, &'a ObjectId)> {
    Ok((required(namespace, "namespace_")?.get(), required(id, "id")?.object()?))
}

/// Lists the objects that have data, in order of their ids: at most `limit` of those after `after`,
/// which is NULL for the first page and then the last id of the page before. An object has data from
/// its first write until it is deleted. Blocks while it reads the disk.
///
/// Fails with INVALID_ARGUMENT for an id of another namespace, STORAGE, CLOSED, FORKED.
///
/// Owns: the caller, `*out`.
/// Null: NULL `after` begins at the first object.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_list(
    namespace_: Option<&facetbox_namespace_t>,
    after: Option<&facetbox_object_id_t>,
    limit: usize,
    out: Option<&mut MaybeUninit<Box<facetbox_object_list_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let after = after.map(facetbox_object_id_t::object).transpose()?;
        let objects = required(namespace_, "namespace_")?.get().list(after, limit)?;
        let ids = objects.into_iter().map(|ObjectInfo { id, .. }| ActorId::Object(id).into());
        write(out, Box::new(facetbox_object_list_t(ids.collect())))
    })
}

/// How many objects are on the page; fewer than the limit only on the last one.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_list_len(list: Option<&facetbox_object_list_t>) -> usize {
    guard(|| list.map_or(0, |list| list.0.len()))
}

/// The id of object `index`, which knows the name if that is known (see `facetbox_object_id_name`);
/// NULL beyond the end.
///
/// Owns: borrowed from `list`.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_list_at(
    list: Option<&facetbox_object_list_t>,
    index: usize,
) -> Option<&facetbox_object_id_t> {
    guard(|| list.and_then(|list| list.0.get(index)))
}

/// Frees a page.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_list_free(list: Option<Box<facetbox_object_list_t>>) {
    guard(|| drop(list));
}

/// Writes into `*out` whether the object has data. It isn't started.
///
/// Fails as `facetbox_namespace_list`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_exists(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    out: Option<&mut MaybeUninit<bool>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (namespace, id) = parts(namespace_, id)?;
        write(out, namespace.exists(id)?)
    })
}

/// Ends the object and removes its data, its facets and their alarms, all at once. Stubs that are bound
/// to it fail with ABORTED; a new stub reaches a new, empty object. Does nothing if there is none.
///
/// Fails as `facetbox_namespace_list`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_delete(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (namespace, id) = parts(namespace_, id)?;
        namespace.delete(id)
    })
}

/// Writes into `*out` what the object takes with all its facets, and what they have used since they were
/// made, as a map of whole numbers: `storageBytes`, `facets`, `events`, `cpuMs`, `rowsRead`, `rowsWritten`,
/// `bytesIn`, `bytesOut`, `subrequests`; 0 if it has no data. Neither starts it nor waits for what it is doing.
///
/// Fails as `facetbox_namespace_list`.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_usage(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (namespace, id) = parts(namespace_, id)?;
        write(out, usage_value(namespace.usage(id)?))
    })
}

/// Copies the object with all its facets to `path`, a new directory with plain SQLite files in it, while
/// it runs: waits until it is between two events. Blocks until the copy is complete and on disk.
///
/// Fails with INVALID_ARGUMENT for an id of another namespace and if `path` exists, NOT_FOUND if the
/// object has no data, CORRUPT, STORAGE, DEADLOCK, CLOSED, FORKED.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_export(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    path: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (namespace, id) = parts(namespace_, id)?;
        namespace.export_blocking(id, path.read("path")?)
    })
}

/// Makes the object from what was exported to `path`, of the same object or another, with its facets and
/// alarms: all of it or, after an error, nothing. The files are checked first. Blocks while it copies.
///
/// Fails with INVALID_ARGUMENT for an id of another namespace and if the object has data, CORRUPT for
/// files that aren't an export or are damaged, LIMIT_STORAGE, LIMIT_FACETS and LIMIT_DEPTH for more than
/// the namespace's limits allow, STORAGE, CLOSED, FORKED.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_import(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    path: facetbox_str_t,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (namespace, id) = parts(namespace_, id)?;
        namespace.import(id, path.read("path")?)
    })
}

/// Runs one SQL statement that reads, on the database of the object or, with the names of facets in
/// `facets`, of the facet that they lead to. Waits until what it reads is between two events. Writes a
/// map into `*out`: `columns` (names), `rows` (lists of values), at most 10,000 and 16 MiB of them, and
/// `truncated`, which is true if there are more.
///
/// Fails with INVALID_ARGUMENT for a statement that does anything but read, NOT_FOUND if there is no
/// such object or facet or it has no data, LIMIT_CPU for a query that takes too much, STORAGE with
/// SQLite's message, CORRUPT, DEADLOCK, CLOSED, FORKED.
///
/// Owns: the caller, `*out`; `facets`, a list of texts, and `bindings`, a list, are borrowed.
/// Null: NULL `facets` and `bindings` are none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_namespace_query(
    namespace_: Option<&facetbox_namespace_t>,
    id: Option<&facetbox_object_id_t>,
    facets: Option<&facetbox_value_t>,
    sql: facetbox_str_t,
    bindings: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (namespace, id) = parts(namespace_, id)?;
        let facets = facetbox_value_t::texts(facets, "facets")?;
        let bindings = facetbox_value_t::items(bindings, "bindings")?.to_vec();
        let rows = namespace.query_blocking(id, &facets, sql.read("sql")?, bindings)?;
        write(out, rows_value(rows))
    })
}

/// The answer of a query as a map.
pub fn rows_value(rows: QueryRows) -> Box<facetbox_value_t> {
    let QueryRows { columns, rows, truncated } = rows;
    facetbox_value_t::boxed(ValueMap::from_iter([
        ("columns", list(columns)),
        ("rows", list(rows)),
        ("truncated", truncated.into()),
    ]))
}
