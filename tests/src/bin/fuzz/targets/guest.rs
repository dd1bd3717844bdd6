//! Guest source, deployed and called; limits, cancellations, aborts and closings hit it at any moment.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use facetbox::{
    Deployment, Error, HostFunction, LimitsPatch, Module, Options, Request, Result, Runtime, Stub,
    Value, ValueMap, WorkerCode,
};
use fastrand::Rng;

use super::{Target, check, kind, must_work};

/// Runs of one runtime before it is closed, which is a moment of its own.
const RUNS: u32 = 100;
const MAX_CALLS: usize = 6;

/// Guest source of one language.
pub struct Guest {
    name: &'static str,
    module: fn(String) -> Module,
    runtime: Option<Runtime>,
    runs: u32,
}

impl Guest {
    pub fn new(name: &'static str, module: fn(String) -> Module) -> Guest {
        Guest { name, module, runtime: None, runs: 0 }
    }

    fn runtime(&mut self) -> Runtime {
        let fresh = || {
            let options = Options {
                idle_ms: Some(5),
                max_warm: Some(4),
                // For code that the guest loads, too. Each facet's database is in memory.
                limits: limits([
                    ("cpuMs", 20),
                    ("wallMs", 200),
                    ("memoryBytes", 16 << 20),
                    ("facets", 64),
                ]),
                ..Options::default()
            };
            Runtime::open_with(options).expect("a runtime in memory")
        };
        self.runtime.get_or_insert_with(fresh).clone()
    }
}

impl Target for Guest {
    fn run(&mut self, input: &[u8]) -> String {
        let source = String::from_utf8_lossy(input).into_owned();
        let mut plan = Plan::of(&source);
        let runtime = self.runtime();
        let code = WorkerCode {
            main_module: self.name.into(),
            modules: vec![(self.name.into(), (self.module)(source.clone()))],
            limits: plan.limits(),
            ..WorkerCode::default()
        };
        let env = ValueMap::from_iter([("HOST", plan.host_function())]);
        let deployed = runtime.deploy("fuzz", code, Some(env));
        let mut outcome = kind(&deployed);
        if let Ok(deployment) = deployed {
            outcome.extend(use_it(&runtime, &deployment, &source, &mut plan));
        }
        self.runs += 1;
        if self.runs >= RUNS || plan.rng.u8(..) == 0 {
            // Sometimes while stubs, tasks and machines are still there.
            runtime.close();
            self.runtime = None;
            self.runs = 0;
        } else if self.runs.is_multiple_of(16) {
            must_work(&runtime);
        }
        outcome
    }
}

/// Calls what the source seems to define, in every object there is, and deletes these.
fn use_it(runtime: &Runtime, deployment: &Deployment, source: &str, plan: &mut Plan) -> Vec<char> {
    let mut outcome = String::new();
    let methods = methods(source);
    let request = Request::get("http://app/todos?q=x").expect("a request").with_body("{\"a\":1}");
    if let Ok(fetcher) = deployment.fetcher() {
        outcome += &plan.finish(runtime, &fetcher, fetcher.fetch(request.clone()));
    }
    for class in deployment.class_names() {
        let Ok(namespace) = deployment.namespace(&class) else { continue };
        let object = namespace.get_by_name("fuzz");
        outcome += &plan.finish(runtime, &object, object.fetch(request.clone()));
        for method in &methods {
            // A broken object's stub stays broken.
            let object = namespace.get_by_name("fuzz");
            let args = plan.args();
            outcome += &plan.finish(runtime, &object, object.call(method.as_str(), args));
        }
        check(&namespace.delete(&namespace.id_from_name("fuzz")));
    }
    outcome.chars().take(400).collect()
}

/// Names that are followed by a parenthesis, the last ones first: attacks come after helpers.
fn methods(source: &str) -> Vec<String> {
    let before = source.split('(').rev().skip(1);
    let name = |text: &str| {
        let word: String =
            text.chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        word.chars().rev().collect::<String>()
    };
    let names: BTreeSet<String> = before.map(name).filter(|name| name.len() > 2).collect();
    let attack = std::iter::once("attack".to_owned());
    attack.chain(names).take(MAX_CALLS).collect()
}

fn limits<const N: usize>(limits: [(&str, i64); N]) -> LimitsPatch {
    let limits = Value::Map(ValueMap::from_iter(limits.map(|(k, v)| (k, Value::Int(v)))));
    LimitsPatch::from_value(&limits).expect("limits")
}

/// What happens during a run. It follows from the input, so that the input repeats it, but for the moments at which
/// other threads strike.
struct Plan {
    rng: Rng,
}

impl Plan {
    fn of(source: &str) -> Plan {
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        Plan { rng: Rng::with_seed(hasher.finish()) }
    }

    fn limits(&mut self) -> LimitsPatch {
        let one_of = |rng: &mut Rng, values: &[i64]| values[rng.usize(..values.len())];
        limits([
            ("cpuMs", one_of(&mut self.rng, &[1, 2, 5, 10])),
            ("wallMs", one_of(&mut self.rng, &[5, 20, 50])),
            ("memoryBytes", one_of(&mut self.rng, &[1 << 20, 2 << 20, 4 << 20, 16 << 20])),
            ("messageBytes", 1 << 16),
            ("storageBytes", 1 << 20),
        ])
    }

    /// A function that answers, fails, waits, or never answers.
    fn host_function(&mut self) -> Value {
        let manner = self.rng.u8(..4);
        Value::Function(HostFunction::new_async("HOST", move |args| {
            Box::pin(async move {
                match manner {
                    0 => Ok(Value::List(args)),
                    1 => Err(Error::guest("RangeError", "no")),
                    2 => {
                        std::thread::sleep(Duration::from_micros(300));
                        Ok(Value::Null)
                    }
                    _ => std::future::pending().await,
                }
            })
        }))
    }

    fn args(&mut self) -> Vec<Value> {
        let map = ValueMap::from_iter([("__proto__", Value::Int(1)), ("x", Value::Float(0.5))]);
        let values = [
            Value::Null,
            Value::Undefined,
            Value::Int(i64::MIN),
            Value::Float(f64::NAN),
            "text \0 \u{1F98A}".into(),
            vec![0u8, 255].into(),
            Value::List(vec![Value::Int(1), Value::Map(map)]),
            Value::Date(f64::INFINITY),
            Value::Dict(vec![(Value::List(vec![]), Value::Set(vec![Value::Null]))]),
            self.host_function(),
        ];
        (0..self.rng.usize(..4)).map(|_| values[self.rng.usize(..values.len())].clone()).collect()
    }

    /// Waits for an answer, or does something else to it.
    fn finish<T: Send + 'static>(
        &mut self,
        runtime: &Runtime,
        stub: &Stub,
        answer: impl Future<Output = Result<T>> + Send + 'static,
    ) -> String {
        match self.rng.u8(..8) {
            0 => {
                poll_a_little(answer, self.rng.u64(..2_000));
                "dropped".into()
            }
            1 => {
                let (stub, delay) = (stub.clone(), self.rng.u64(..3_000));
                let strike = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_micros(delay));
                    check(&stub.call_blocking("attack", vec![]));
                });
                let outcome = kind(&runtime.block_on(answer, || Ok(())));
                strike.join().expect("the other call ends");
                outcome
            }
            2 => {
                let (runtime, delay) = (runtime.clone(), self.rng.u64(..3_000));
                let strike = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_micros(delay));
                    let namespaces = ["fuzz/App", "fuzz/default"];
                    for namespace in namespaces.iter().filter_map(|n| runtime.get_namespace(n).ok())
                    {
                        check(&namespace.delete(&namespace.id_from_name("fuzz")));
                    }
                });
                let outcome = kind(&stub.block_on(answer, || Ok(())));
                strike.join().expect("the deletion ends");
                outcome
            }
            _ => kind(&runtime.block_on(answer, || Ok(()))),
        }
    }
}

/// Polls for some microseconds, and drops what hasn't ended then.
fn poll_a_little<T>(future: impl Future<Output = T>, micros: u64) {
    let mut future = Box::pin(future);
    let (end, mut context) =
        (Instant::now() + Duration::from_micros(micros), Context::from_waker(Waker::noop()));
    while future.as_mut().poll(&mut context).is_pending() {
        if Instant::now() > end {
            break;
        }
        std::thread::yield_now();
    }
}
