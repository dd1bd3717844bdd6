//! What is measured: the rows of the table.

use serde_json::json;

use crate::guests::Guest;
use crate::job::{Job, Loop, map_of_1_kib};
use crate::programs::Who;

/// What a row has to reach.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// So many times faster than the peer.
    TimesPeer(f64),
    /// At most so many times the floor.
    TimesFloor(f64),
}

/// A job of one program.
#[derive(Clone, Debug)]
pub struct Task {
    /// Who does it.
    pub who: Who,
    /// What it does.
    pub job: Job,
    /// How many operations one count of the job is.
    pub each: f64,
}

/// An operation in one host and one guest language, with what it is compared with.
#[derive(Clone, Debug)]
pub struct Row {
    /// The operation.
    pub name: String,
    /// What is measured.
    pub ours: Task,
    /// The same on the peer.
    pub peer: Option<Task>,
    /// What nothing of ours could do faster.
    pub floor: Option<Task>,
    /// What it has to reach.
    pub target: Option<Target>,
}

impl Row {
    /// All that is to be measured for it.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        [Some(&self.ours), self.peer.as_ref(), self.floor.as_ref()].into_iter().flatten()
    }
}

/// An operation, in whatever language.
struct Operation {
    name: String,
    job: Job,
    each: f64,
    /// The floor's name; in durability `full` where the operation is.
    floor: Option<&'static str>,
    /// Whether the peer has it.
    peer: bool,
}

impl Operation {
    fn new(name: &str, job: Job) -> Operation {
        Operation { name: name.into(), job, each: 1.0, floor: None, peer: true }
    }

    fn floor(self, floor: &'static str) -> Operation {
        Operation { floor: Some(floor), ..self }
    }

    fn each(self, each: f64) -> Operation {
        Operation { each, ..self }
    }

    fn in_host(&self, who: Who, target: Option<Target>) -> Row {
        let task = |who, job| Task { who, job, each: self.each };
        let peer = Job { guest: Guest::Js, ..self.job.clone() };
        let floor = |method: &str| {
            let job = Job { method: method.into(), kind: Loop::Call, ..self.job.clone() };
            // The bare database is the same for both guest languages, and knows neither arguments nor objects.
            let common = Job {
                durability: job.durability.clone(),
                ..Job::call(Guest::Luau, method, vec![])
            };
            let job = match method {
                "compute" => job,
                "engine call" | "engine start" => Job { guest: self.job.guest, ..common },
                _ => common,
            };
            Task { who: Who::Floors, job, each: 1.0 }
        };
        Row {
            name: self.name.clone(),
            ours: task(who, self.job.clone()),
            peer: self.peer.then(|| task(Who::Workerd, peer)),
            floor: self.floor.map(floor),
            target,
        }
    }
}

/// What every host language measures, with the guest's language: what the host's language matters for.
fn in_all_hosts(guest: Guest) -> Vec<Operation> {
    let call = |method, args| Job::call(guest, method, args);
    let through = Job { kind: Loop::Through, ..call("empty", vec![]) };
    let fetch = Job { kind: Loop::Fetch, ..call("fetch", vec![]) };
    vec![
        Operation::new("empty call", call("empty", vec![])).floor("engine call"),
        Operation::new("call of a supervisor that calls its facet", through).floor("engine call"),
        Operation::new("call with a map of 1 KiB, and back", call("echo", vec![map_of_1_kib()]))
            .floor("engine call"),
        Operation::new("host callback from the guest", call("callbacks", vec![json!(100)]))
            .each(100.0),
        Operation::new("fetch with the counter", fetch).floor("commit"),
        Operation::new("KV get", call("get", vec![])).floor("engine call"),
        Operation::new("KV put", call("put", vec![])).floor("commit"),
    ]
}

/// What happens in core, and is measured in one host language.
fn in_one_host(guest: Guest) -> Vec<Operation> {
    let call = |method, args| Job::call(guest, method, args);
    let new = |unique| Job { kind: Loop::New, unique, ..call("first", vec![]) };
    let many = |method, objects| Job { kind: Loop::Parallel, objects, ..call(method, vec![]) };
    let mut all = vec![
        Operation {
            peer: false,
            ..Operation::new("KV put", Job { durability: "relaxed".into(), ..call("put", vec![]) })
                .floor("commit")
        },
        Operation::new("SQL insert and select", call("insert", vec![])).floor("insert"),
        Operation::new("select of 1,000 rows", call("select", vec![])).floor("select"),
        Operation::new("transaction of 100 puts", call("transaction", vec![])).floor("transaction"),
        Operation::new("new app to its first write, new code", new(true)).floor("create"),
        Operation::new("new app to its first write, same code", new(false)).floor("create"),
        Operation::new(
            "wake of a hibernated facet",
            Job { kind: Loop::Wake, ..call("empty", vec![]) },
        )
        .floor("engine start"),
        Operation::new("hot code swap", Job { kind: Loop::Swap, ..call("empty", vec![]) })
            .floor("engine start"),
        Operation::new("nested facet call", call("nested", vec![json!(100)])).each(100.0),
        Operation::new("empty calls, 32 objects", many("empty", 32)),
        Operation::new("empty calls, 256 objects", many("empty", 256)),
        Operation::new("KV puts, 32 objects", many("put", 32)).floor("commit"),
        Operation::new("KV puts, 256 objects", many("put", 256)).floor("commit"),
    ];
    let sizes =
        [("loops", 20_000), ("fib", 18), ("strings", 2_000), ("sort", 1_000), ("json", 200)];
    all.extend(sizes.into_iter().map(|(kind, size)| {
        let job = call("compute", vec![json!(kind), json!(size)]);
        let operation = Operation::new(&format!("compute: {kind}"), job);
        // Bare Luau has no JSON.
        if kind == "json" && guest == Guest::Luau { operation } else { operation.floor("compute") }
    }));
    all
}

/// What the design asks of an operation in a host.
fn target(operation: &Operation, who: Who) -> Option<Target> {
    let full = operation.job.durability == "full";
    match (operation.name.as_str(), who) {
        ("empty call", Who::Rust | Who::C) => Some(Target::TimesPeer(40.0)),
        ("empty call", Who::Python) => Some(Target::TimesPeer(20.0)),
        ("empty call", Who::Node) => Some(Target::TimesPeer(4.0)),
        ("KV get", Who::Rust) => Some(Target::TimesPeer(20.0)),
        ("KV put", Who::Rust) if full => Some(Target::TimesFloor(1.2)),
        ("new app to its first write, new code", Who::Rust) => Some(Target::TimesPeer(15.0)),
        (name, _) if name.starts_with("compute") && operation.floor.is_some() => {
            Some(Target::TimesFloor(1.05))
        }
        _ => None,
    }
}

/// The whole suite.
pub fn rows() -> Vec<Row> {
    const HOSTS: [Who; 6] = [Who::Rust, Who::C, Who::Go, Who::Python, Who::Asyncio, Who::Node];
    let mut all = Vec::new();
    for guest in Guest::ALL {
        for operation in in_all_hosts(guest) {
            all.extend(HOSTS.map(|who| operation.in_host(who, target(&operation, who))));
        }
        let many = Job { kind: Loop::Parallel, objects: 32, ..Job::call(guest, "empty", vec![]) };
        let many = Operation::new("empty calls, 32 objects", many);
        all.extend([Who::Asyncio, Who::Node].map(|who| many.in_host(who, None)));
        for operation in in_one_host(guest) {
            all.push(operation.in_host(Who::Rust, target(&operation, Who::Rust)));
        }
    }
    all.push(Row {
        name: "one page, written and flushed".into(),
        ours: Task { who: Who::Floors, job: Job::call(Guest::Luau, "page", vec![]), each: 1.0 },
        peer: None,
        floor: None,
        target: None,
    });
    all
}
