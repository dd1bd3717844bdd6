//! A runtime on a directory, and the supervisor that runs operations.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use facetbox::{
    Alarms, Class, Ctx, Durability, DurableObject, Error, FacetOptions, ManualClock, Namespace,
    Options, Result, Runtime, Stub, Value, ValueMap, WorkerCode, no_such_method,
};

use facetbox::medium::open_on;

use crate::medium::Planned;
use crate::model::{ALARM_BASE_MS, AlarmChange, Kind, Node, Op};

const NODE: &str = include_str!("node.luau");
const START_MS: i64 = 1_700_000_000_000;

/// How long instances are kept, and with them their databases open.
#[derive(Clone, Copy, PartialEq)]
pub enum Keep {
    All,
    /// The six that were used last.
    Few,
    /// Those six, and only for a moment.
    Briefly,
}

/// A runtime whose namespace has the workload's objects.
pub struct World {
    pub runtime: Runtime,
    pub clock: ManualClock,
    nodes: Namespace,
    held: Held,
}

/// The other end of an operation that holds its transaction open.
struct Held {
    reached: Mutex<Receiver<()>>,
    end: Sender<()>,
}

/// Its own end.
struct Hold {
    reached: Mutex<Sender<()>>,
    end: Mutex<Receiver<()>>,
}

impl World {
    /// Opens a directory.
    pub fn open(dir: &Path, durability: Durability, keep: Keep) -> Result<World> {
        let clock = ManualClock::new(START_MS);
        let options = Options {
            path: Some(dir.to_owned()),
            durability,
            clock: Some(clock.clone()),
            alarms: Alarms::Manual,
            idle_ms: Some(if keep == Keep::Briefly { 20 } else { 600_000 }),
            max_warm: Some(if keep == Keep::All { 1_000 } else { 6 }),
            ..Options::default()
        };
        let runtime = open_on(options, Arc::new(Planned))?;
        let ((reached, is_reached), (end, is_to_end)) = (channel(), channel());
        let hold = Arc::new(Hold { reached: Mutex::new(reached), end: Mutex::new(is_to_end) });
        let class = Class::host("Root", move |ctx, _env| Ok(Root { ctx, hold: hold.clone() }));
        let nodes = runtime.namespace("Nodes", class)?;
        Ok(World { runtime, clock, nodes, held: Held { reached: Mutex::new(is_reached), end } })
    }

    /// Waits until an operation holds its transaction open, which runs on another thread.
    pub fn wait_for_hold(&self) {
        let reached = self.held.reached.lock().expect("nobody panics with it");
        reached.recv().expect("the class exists as long as the world");
    }

    /// Lets that end.
    pub fn end_hold(&self) {
        self.held.end.send(()).expect("the class exists as long as the world");
    }

    /// A function that runs an operation on any thread.
    pub fn runner(&self, object: usize, op: Op) -> impl FnOnce() -> Result<()> + Send + use<> {
        let stub = self.object(object);
        move || run(&stub, &op)
    }

    /// Runs an operation; when this returns it has been acknowledged.
    pub fn run(&self, object: usize, op: &Op) -> Result<()> {
        run(&self.object(object), op)
    }

    /// What an object stores.
    pub fn state(&self, object: usize) -> Result<Node> {
        node(&self.object(object).call_blocking("state", Vec::new())?)
    }

    /// Fires every alarm that the workload can have set; answers how many there were.
    pub fn fire_alarms(&self) -> Result<u64> {
        self.clock.set_ms(2 * ALARM_BASE_MS);
        let fired = self.runtime.run_due_alarms();
        self.clock.set_ms(START_MS);
        fired
    }

    fn object(&self, object: usize) -> Stub {
        self.nodes.get_by_name(&format!("object {object}"))
    }
}

fn run(stub: &Stub, op: &Op) -> Result<()> {
    let text = serde_json::to_string(op).expect("an operation is JSON");
    stub.call_blocking("run", vec![text.into()]).map(drop)
}

/// Reads the answer of `state`.
fn node(value: &Value) -> Result<Node> {
    let wrong = || Error::type_error(format!("not a state: {value:?}"));
    let map = value.as_map().ok_or_else(wrong)?;
    let mut state = Node {
        n: map.get("n").and_then(Value::as_i64).ok_or_else(wrong)?,
        alarm: map.get("alarm").and_then(Value::as_i64),
        ..Node::default()
    };
    for facet in map.get("facets").and_then(Value::as_list).ok_or_else(wrong)? {
        let facet = facet.as_map().ok_or_else(wrong)?;
        let name = facet.get("name").and_then(Value::as_str).ok_or_else(wrong)?;
        state.facets.insert(name.to_owned(), node(facet.get("state").ok_or_else(wrong)?)?);
    }
    Ok(state)
}

/// The supervisor: it does to itself what its facets, which are guests, do to themselves.
struct Root {
    ctx: Ctx,
    hold: Arc<Hold>,
}

impl DurableObject for Root {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        match (method, args.as_slice()) {
            ("run", [Value::String(op)]) => {
                let op = serde_json::from_str(op).map_err(|e| Error::type_error(e.to_string()))?;
                self.run(&op).map(|()| Value::Null)
            }
            ("state", []) => self.state(),
            _ => Err(no_such_method(method)),
        }
    }

    fn alarm(&self, _info: facetbox::AlarmInfo) -> Result<()> {
        Ok(())
    }
}

impl Root {
    fn run(&self, op: &Op) -> Result<()> {
        let facets = self.ctx.facets();
        match &op.kind {
            Kind::Write => self.write(op),
            Kind::Hold => {
                self.write(op)?;
                self.hold();
                Ok(())
            }
            Kind::At(path) => self.write_at(path, op),
            Kind::Delete(name) => {
                self.write(op)?;
                facets.delete(name)
            }
            Kind::Clone(src, dst) => {
                self.write(op)?;
                facets.clone(src, dst)
            }
            Kind::Replace(name) => {
                self.write(op)?;
                facets.delete(name)?;
                self.write_at(std::slice::from_ref(name), op)
            }
            Kind::Undo(name) => self.undo(op, name),
            Kind::Abort(name) => facets.abort(name, Error::guest("Error", "stopped")),
            Kind::Wipe(path) => match path.split_first() {
                None => self.ctx.delete_all(),
                Some((name, rest)) => {
                    self.facet(name)?.call_blocking("wipe", vec![list(rest)]).map(drop)
                }
            },
        }
    }

    fn hold(&self) {
        let reached = self.hold.reached.lock().expect("nobody panics with it");
        reached.send(()).expect("the world waits for it");
        let end = self.hold.end.lock().expect("nobody panics with it");
        end.recv().expect("the world ends it");
    }

    fn facet(&self, name: &str) -> Result<Stub> {
        let loader = self.ctx.loader();
        self.ctx.facets().get(name, move || {
            let worker = loader.load(WorkerCode::luau(NODE))?;
            Ok(FacetOptions::new(worker.get_durable_object_class("Node", Default::default())))
        })
    }

    fn write(&self, op: &Op) -> Result<()> {
        let (kv, sql) = (self.ctx.storage().kv(), self.ctx.storage().sql());
        let body: Value = (op.n % 10).to_string().repeat(op.size as usize).into();
        kv.put("n", &op.n.into())?;
        kv.put("body", &body)?;
        let table = "CREATE TABLE IF NOT EXISTS log(n INTEGER PRIMARY KEY, body TEXT)";
        sql.exec(table, Vec::new())?;
        sql.exec("INSERT INTO log VALUES (?, ?)", vec![op.n.into(), body])?;
        sql.exec("DELETE FROM log WHERE n < ?", vec![(op.n - 20).into()])?;
        match op.alarm {
            AlarmChange::Keep => Ok(()),
            AlarmChange::Set => self.ctx.storage().set_alarm(ALARM_BASE_MS + op.n),
            AlarmChange::Delete => self.ctx.storage().delete_alarm(),
        }
    }

    fn write_at(&self, path: &[String], op: &Op) -> Result<()> {
        let (name, rest) = path.split_first().ok_or_else(|| Error::type_error("no path"))?;
        let args = vec![
            list(rest),
            op.n.into(),
            op.size.into(),
            op.alarm.name().into(),
            (ALARM_BASE_MS + op.n).into(),
        ];
        self.facet(name)?.call_blocking("write", args).map(drop)
    }

    fn undo(&self, op: &Op, name: &str) -> Result<()> {
        let undone = self.ctx.storage().transaction_sync(|| {
            self.write(op)?;
            self.ctx.facets().delete(name)?;
            self.ctx.facets().clone("a", "undone")?;
            Err::<(), _>(Error::guest("Undo", ""))
        });
        undone.or_else(|error| if error.name() == "Undo" { Ok(()) } else { Err(error) })
    }

    fn state(&self) -> Result<Value> {
        let storage = self.ctx.storage();
        let n = storage.kv().get("n")?;
        let row = self.last_row()?;
        let [in_row, body] =
            row.map_or([None, None], |row| ["n", "body"].map(|column| row.get(column).cloned()));
        if n != in_row || storage.kv().get("body")? != body {
            let message = format!("half a transaction: the key has {n:?}, the table {in_row:?}");
            return Err(Error::guest("Error", message));
        }
        let mut facets = Vec::new();
        for name in self.ctx.facets().list()? {
            let state = self.facet(&name)?.call_blocking("state", Vec::new())?;
            facets.push(Value::Map(ValueMap::from_iter([("name", name.into()), ("state", state)])));
        }
        let alarm = storage.get_alarm()?.map_or(Value::Null, Value::from);
        let n = n.unwrap_or_else(|| 0.into());
        let facets = Value::List(facets);
        Ok(Value::Map(ValueMap::from_iter([("n", n), ("alarm", alarm), ("facets", facets)])))
    }

    fn last_row(&self) -> Result<Option<ValueMap>> {
        let sql = self.ctx.storage().sql();
        let exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'log'", Vec::new())?;
        if exists.next()?.is_none() {
            return Ok(None);
        }
        sql.exec("SELECT n, body FROM log ORDER BY n DESC LIMIT 1", Vec::new())?.one().map(Some)
    }
}

fn list(names: &[String]) -> Value {
    Value::List(names.iter().map(|name| name.as_str().into()).collect())
}
