//! How long a quiet object's calls take beside objects that burn their CPU budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{Namespace, Options, Result, Runtime, Stub, WorkerCode};

/// Pause between two calls of the quiet object.
const PAUSE: Duration = Duration::from_millis(2);

const CODE: &str = "
    local App = DurableObject:extend('App')
    function App:ping() return 'pong' end
    function App:burn() while true do end end
    return { App = App }";

/// Who polls the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// A thread of its own for each caller, as blocking hosts have.
    Threads,
    /// The runtime's own threads, as hosts with an event loop have.
    Runtime,
}

/// Times of the quiet object's calls.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Half of the calls took no longer.
    pub median: Duration,
    /// All but one in a hundred took no longer.
    pub p99: Duration,
}

/// Calls the quiet object `calls` times while `burners` objects burn their whole budget again and again.
///
/// # Errors
/// What a call of the quiet object answers.
pub fn measure(callers: Callers, burners: usize, calls: usize) -> Result<Figures> {
    let runtime = Runtime::open_with(Options::default())?;
    let class = runtime.loader().load(WorkerCode::luau(CODE))?;
    let class = class.get_durable_object_class("App", Default::default());
    let objects = runtime.namespace("App", class)?;
    let quiet = objects.get_by_name("quiet");
    quiet.call_blocking("ping", vec![])?;

    let stop = Arc::new(AtomicBool::new(false));
    let burning: Vec<_> =
        (0..burners).map(|n| burn(&runtime, callers, &objects, n, &stop)).collect();
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
    objects: &Namespace,
    number: usize,
    stop: &Arc<AtomicBool>,
) -> Option<thread::JoinHandle<()>> {
    let (stub, stop) = (objects.get_by_name(&format!("burner {number}")), stop.clone());
    match callers {
        Callers::Threads => Some(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = stub.call_blocking("burn", vec![]);
            }
        })),
        Callers::Runtime => {
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let _ = stub.call("burn", vec![]).await;
                }
            });
            None
        }
    }
}

fn ping(runtime: &Runtime, callers: Callers, stub: &Stub) -> Result<()> {
    match callers {
        Callers::Threads => stub.call_blocking("ping", vec![]).map(drop),
        Callers::Runtime => {
            let (sender, receiver) = mpsc::channel();
            let call = stub.call("ping", vec![]);
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
