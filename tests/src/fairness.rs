//! How long a quiet object's or facet's calls take beside others that burn their CPU budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{Namespace, Options, Result, Runtime, Stub, Value, WorkerCode};

/// Pause between two calls of the quiet object.
const PAUSE: Duration = Duration::from_millis(2);

const CODE: &str = "
    local App = DurableObject:extend('App')
    local function facet(app, name)
        return app.ctx.facets:get(name, function() return { class = app.ctx.exports.App } end)
    end
    function App:ping(name) return if name then facet(self, name):ping() else 'pong' end
    function App:burn(name)
        if name then facet(self, name):burn() end
        while true do end
    end
    return { App = App }";

/// Who polls the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// A thread of its own for each caller, as blocking hosts have.
    Threads,
    /// The runtime's own threads, as hosts with an event loop have.
    Runtime,
}

/// What is quiet and what burns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kin {
    /// Objects of one namespace.
    Objects,
    /// Facets of one object, which passes the calls on.
    Siblings,
}

/// One of them, to be called.
#[derive(Clone)]
struct Target {
    stub: Stub,
    args: Vec<Value>,
}

impl Target {
    fn new(objects: &Namespace, kin: Kin, name: &str) -> Target {
        match kin {
            Kin::Objects => Target { stub: objects.get_by_name(name), args: vec![] },
            Kin::Siblings => {
                Target { stub: objects.get_by_name("parent"), args: vec![name.into()] }
            }
        }
    }
}

/// Times of the quiet one's calls.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Half of the calls took no longer.
    pub median: Duration,
    /// All but one in a hundred took no longer.
    pub p99: Duration,
}

/// Calls the quiet one `calls` times while `burners` others burn their whole budget again and again.
///
/// # Errors
/// What a call of the quiet one answers.
pub fn measure(kin: Kin, callers: Callers, burners: usize, calls: usize) -> Result<Figures> {
    let runtime = Runtime::open_with(Options::default())?;
    let class = runtime.loader().load(WorkerCode::luau(CODE))?;
    let class = class.get_durable_object_class("App", Default::default());
    let objects = runtime.namespace("App", class)?;
    let quiet = Target::new(&objects, kin, "quiet");
    ping(&runtime, callers, &quiet)?;

    let stop = Arc::new(AtomicBool::new(false));
    let burner = |number| Target::new(&objects, kin, &format!("burner {number}"));
    let burning: Vec<_> =
        (0..burners).map(|number| burn(&runtime, callers, burner(number), &stop)).collect();
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        thread::sleep(PAUSE);
        let begin = Instant::now();
        ping(&runtime, callers, &quiet)?;
        times.push(begin.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    runtime.close();
    for thread in burning.into_iter().flatten() {
        let _ = thread.join();
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    Ok(Figures { median: at(50), p99: at(99) })
}

fn burn(
    runtime: &Runtime,
    callers: Callers,
    target: Target,
    stop: &Arc<AtomicBool>,
) -> Option<thread::JoinHandle<()>> {
    let (Target { stub, args }, stop) = (target, stop.clone());
    match callers {
        Callers::Threads => Some(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = stub.call_blocking("burn", args.clone());
            }
        })),
        Callers::Runtime => {
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let _ = stub.call("burn", args.clone()).await;
                }
            });
            None
        }
    }
}

fn ping(runtime: &Runtime, callers: Callers, target: &Target) -> Result<()> {
    let Target { stub, args } = target.clone();
    match callers {
        Callers::Threads => stub.call_blocking("ping", args).map(drop),
        Callers::Runtime => {
            let (sender, receiver) = mpsc::channel();
            let call = stub.call("ping", args);
            runtime.spawn(async move {
                let _ = sender.send(call.await);
            });
            receiver
                .recv()
                .unwrap_or_else(|_| Err(facetbox::Error::guest("Error", "no answer")))
                .map(drop)
        }
    }
}
