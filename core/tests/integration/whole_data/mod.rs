//! Objects as a whole: listed, measured, deleted, exported, imported, queried and verified.

mod export;
mod import;
mod objects;
mod query;
mod verify;

use std::fs;
use std::path::PathBuf;

use facetbox::{
    AlarmInfo, Alarms, Class, Ctx, DurableObject, LimitsPatch, ManualClock, Namespace, ObjectId,
    Options, Result, Runtime, Stub, Value,
};
use tempfile::TempDir;

const START: i64 = 1_000_000;

/// Calls of "in" that reach the facet "inner" of "app".
const IN_INNER: [&str; 5] = ["app", "in", "inner", "put", "in inner"];
const GET_INNER: [&str; 4] = ["app", "in", "inner", "get"];

/// Keeps a value of its own and passes on what begins with a facet's name.
struct Keeper(Ctx);

impl DurableObject for Keeper {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let (facets, kv) = (self.0.facets(), self.0.storage().kv());
        let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default();
        match method {
            "put" => kv.put("k", &args[0])?,
            "get" => return Ok(kv.get("k")?.unwrap_or_default()),
            "sql" => {
                return Ok(
                    (self.0.storage().sql().exec(text(0), vec![])?.raw()?.len() as i64).into()
                );
            }
            "wake" => self.0.storage().set_alarm(START + 10)?,
            "in" => {
                return facets
                    .get(text(0), || Ok(class()))?
                    .call_blocking(text(1), args[2..].to_vec());
            }
            "both" => {
                kv.put("k", &args[0])?;
                facets.get("app", || Ok(class()))?.call_blocking("put", args)?;
            }
            "drop" => facets.delete(text(0))?,
            "usage" => return Ok((facets.usage(text(0))?.storage_bytes as i64).into()),
            "export" => facets.export(text(0), text(1))?,
            _ => return Err(facetbox::no_such_method(method)),
        }
        Ok(Value::Null)
    }

    fn alarm(&self, info: AlarmInfo) -> Result<()> {
        self.0.storage().kv().put("fired", &info.scheduled_time.into())
    }
}

fn class() -> Class {
    Class::host("Keeper", |ctx, _env| Ok(Keeper(ctx)))
}

struct Place {
    dir: TempDir,
    runtime: Runtime,
    objects: Namespace,
    clock: ManualClock,
}

impl Place {
    fn new() -> Result<Place> {
        Place::open(Some(TempDir::new().unwrap()), LimitsPatch::default())
    }

    fn memory() -> Result<Place> {
        Place::open(None, LimitsPatch::default())
    }

    fn open(dir: Option<TempDir>, limits: LimitsPatch) -> Result<Place> {
        let clock = ManualClock::new(START);
        let runtime = Runtime::open_with(Options {
            path: dir.as_ref().map(|dir| dir.path().join("data")),
            clock: Some(clock.clone()),
            alarms: Alarms::Manual,
            limits,
            ..Options::default()
        })?;
        let dir = dir.unwrap_or_else(|| TempDir::new().unwrap());
        let objects = runtime.namespace("Keeper", class())?;
        Ok(Place { dir, runtime, objects, clock })
    }

    fn reopen(self) -> Result<Place> {
        self.runtime.close();
        Place::open(Some(self.dir), LimitsPatch::default())
    }

    fn both() -> Result<[Place; 2]> {
        Ok([Place::new()?, Place::memory()?])
    }

    /// An object with a value, a table, an alarm, and the facets "app" with data and one below it, and
    /// "idle" without.
    fn filled(&self, name: &str) -> Result<Stub> {
        let stub = self.objects.get_by_name(name);
        stub.call_blocking("put", vec![name.into()])?;
        stub.call_blocking("sql", vec!["CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)".into()])?;
        stub.call_blocking("wake", vec![])?;
        stub.call_blocking("in", vec!["app".into(), "put".into(), "in app".into()])?;
        stub.call_blocking("in", IN_INNER.map(Value::from).to_vec())?;
        stub.call_blocking("in", vec!["idle".into(), "get".into()])?;
        Ok(stub)
    }

    /// Where an export or anything else may go.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn id(&self, name: &str) -> ObjectId {
        self.objects.id_from_name(name)
    }

    /// The only database of the object below the data directory with so many facets above it.
    fn database(&self, below: &str) -> PathBuf {
        let mut dir = self.path("data").join("objects");
        for _ in 0..3 {
            dir = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
        }
        dir.join(below).join("data.sqlite")
    }
}

fn answers(stub: &Stub) -> Result<[Value; 4]> {
    Ok([
        stub.call_blocking("get", vec![])?,
        stub.call_blocking("sql", vec!["SELECT * FROM t".into()])?,
        stub.call_blocking("in", vec!["app".into(), "get".into()])?,
        stub.call_blocking("in", GET_INNER.map(Value::from).to_vec())?,
    ])
}
