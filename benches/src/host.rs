//! The host program in Rust.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use facetbox::{
    Class, Ctx, Durability, DurableObject, Error, ErrorCode, LimitsPatch, Namespace, Options,
    Request, Result, Runtime, Stub, Value, ValueMap,
};

use crate::guests::Guest;
use crate::job::{Job, Loop};

/// Marks code that nobody has seen before.
static MARK: AtomicU64 = AtomicU64::new(0);

fn next_mark() -> u64 {
    MARK.fetch_add(1, Ordering::Relaxed)
}

/// Runtimes in which supervisors written in Rust run guests of both languages.
pub struct Host {
    data: PathBuf,
    runtimes: HashMap<String, Runtime>,
}

impl Host {
    /// Keeps its data in the folder `data`.
    pub fn new(data: &Path) -> Host {
        Host { data: data.to_owned(), runtimes: HashMap::new() }
    }

    /// Does what the job says, and tells how long it took.
    ///
    /// # Errors
    /// Those of the operations.
    pub fn measure(&mut self, job: &Job) -> Result<Duration> {
        // Facets sleep where only one instance is kept.
        let max_warm = (job.kind == Loop::Wake).then_some(1);
        let objects = self.objects(&job.durability, max_warm, job.guest)?;
        let one = objects.get_by_name("one");
        match job.kind {
            Loop::Through => {
                let args = values(job)?;
                time(job.count, || one.call_blocking(&job.method, args.clone()).map(drop))
            }
            Loop::New => time(job.count, || {
                let new = objects.get(&objects.new_unique_id()?)?;
                new.call_blocking("first", vec![job.unique.into()]).map(drop)
            }),
            Loop::Parallel => parallel(&objects, job),
            Loop::Call | Loop::Fetch | Loop::Wake | Loop::Swap => run(&one, job),
        }
    }

    fn objects(
        &mut self,
        durability: &str,
        max_warm: Option<usize>,
        guest: Guest,
    ) -> Result<Namespace> {
        let key = format!("{durability} {max_warm:?}");
        if !self.runtimes.contains_key(&key) {
            let options = Options {
                path: Some(self.data.join(&key)),
                durability: parse_durability(durability)?,
                max_warm: max_warm.or(Some(2_000)),
                limits: loops_are_long()?,
                ..Options::default()
            };
            self.runtimes.insert(key.clone(), open(options)?);
        }
        self.runtimes[&key].get_namespace(guest.name())
    }
}

/// A loop makes more calls in one event than is allowed by default.
fn loops_are_long() -> Result<LimitsPatch> {
    let calls = ValueMap::from_iter([("subRequests", 100_000_000)]);
    LimitsPatch::from_value(&Value::Map(calls))
}

fn parse_durability(name: &str) -> Result<Durability> {
    match name {
        "full" => Ok(Durability::Full),
        "relaxed" => Ok(Durability::Relaxed),
        "none" => Ok(Durability::None),
        _ => Err(Error::new(ErrorCode::InvalidArgument, format!("Unknown durability {name:?}."))),
    }
}

fn open(options: Options) -> Result<Runtime> {
    let runtime = Runtime::open_with(options)?;
    for guest in Guest::ALL {
        let app = guest.load_app(&runtime.loader())?;
        let small = guest.load_small(&runtime.loader(), None)?;
        let class =
            move |ctx, _env| Ok(Supervisor { ctx, guest, app: app.clone(), small: small.clone() });
        runtime.namespace(guest.name(), Class::host("Supervisor", class))?;
    }
    Ok(runtime)
}

/// Runs a loop inside the supervisor.
fn run(supervisor: &Stub, job: &Job) -> Result<Duration> {
    let job = serde_json::to_string(job).map_err(unreadable)?;
    let nanos = supervisor.call_blocking("loop", vec![job.into()])?;
    Ok(Duration::from_nanos(nanos.as_i64().unwrap_or_default() as u64))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(ErrorCode::InvalidArgument, error.to_string())
}

/// Each object has a thread of its own, as in a program that serves each request on a thread.
fn parallel(objects: &Namespace, job: &Job) -> Result<Duration> {
    let each = Job { kind: Loop::Call, count: (job.count / job.objects).max(1), ..job.clone() };
    let stubs: Vec<Stub> =
        (0..job.objects).map(|number| objects.get_by_name(&format!("parallel {number}"))).collect();
    let barrier = Barrier::new(stubs.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = stubs
            .iter()
            .map(|stub| {
                scope.spawn(|| {
                    barrier.wait();
                    run(stub, &each)
                })
            })
            .collect();
        barrier.wait();
        let begin = Instant::now();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        let time = begin.elapsed();
        results.into_iter().try_for_each(|result| result.expect("no panic").map(drop))?;
        Ok(time)
    })
}

fn time(count: usize, mut operation: impl FnMut() -> Result<()>) -> Result<Duration> {
    let begin = Instant::now();
    (0..count).try_for_each(|_| operation())?;
    Ok(begin.elapsed())
}

fn values(job: &Job) -> Result<Vec<Value>> {
    job.args.iter().map(|arg| Value::from_json(&arg.to_string())).collect()
}

/// Runs the guest as facets, and measures them.
struct Supervisor {
    ctx: Ctx,
    guest: Guest,
    app: Class,
    small: Class,
}

impl Supervisor {
    fn app(&self) -> Result<Stub> {
        let class = self.app.clone();
        self.ctx.facets().get("app", move || Ok(class))
    }

    fn small(&self, name: &str, unique: bool) -> Result<Stub> {
        let (guest, class, ctx) = (self.guest, self.small.clone(), self.ctx.clone());
        self.ctx.facets().get(name, move || match unique {
            true => guest.load_small(&ctx.loader(), Some(next_mark())),
            false => Ok(class),
        })
    }

    fn run(&self, job: &Job) -> Result<Duration> {
        let args = values(job)?;
        let app = self.app()?;
        let mut turn = 0;
        match job.kind {
            Loop::Fetch => {
                let request = Request::get("http://app/")?;
                time(job.count, || app.fetch_blocking(request.clone()).map(|r| drop(r.body_text())))
            }
            Loop::Wake => time(job.count, || {
                // While one of the two is awake, the other sleeps.
                turn += 1;
                let name = if turn % 2 == 0 { "even" } else { "odd" };
                self.small(name, false)?.call_blocking("empty", vec![]).map(drop)
            }),
            Loop::Swap => time(job.count, || {
                let changed = Error::new(ErrorCode::Aborted, "The code changed.");
                self.ctx.facets().abort("swap", changed)?;
                self.small("swap", true)?.call_blocking("empty", vec![]).map(drop)
            }),
            _ => time(job.count, || app.call_blocking(&job.method, args.clone()).map(drop)),
        }
    }
}

impl DurableObject for Supervisor {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        match (method, args.as_slice()) {
            ("loop", [Value::String(job)]) => {
                let job = serde_json::from_str(job).map_err(unreadable)?;
                Ok(Value::Int(self.run(&job)?.as_nanos() as i64))
            }
            ("first", [unique]) => {
                let unique = unique.as_bool().unwrap_or_default();
                self.small("app", unique)?.call_blocking("put", vec![])
            }
            _ => self.app()?.call_blocking(method, args),
        }
    }
}
