//! Floods that a guest makes of its own: its callers and its neighbours come between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use facetbox::{
    AlarmInfo, Class, Ctx, DurableObject, ManualClock, Options, Result, Runtime, Value, WorkerCode,
};

use crate::support::{app, own};

/// Calls take turns with the timers of a guest that has a thousand which are always due.
fn timers_take_turns(code: WorkerCode) -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, code)?;
    stub.call_blocking("set", vec![])?;
    let runs = || stub.call_blocking("get_runs", vec![]).map(|runs| runs.as_i64().unwrap());
    let mut last = runs()?;
    let mut between = Vec::new();
    for _ in 0..100 {
        let now = runs()?;
        between.push(now - last);
        last = now;
    }
    between.sort_unstable();
    // The scheduler may let one wait for long, but not half of them.
    assert!(between[50] <= 8, "calls wait for as many timers: {between:?}");
    while runs()? < 5_000 {}
    Ok(())
}

#[test]
fn timers_that_are_always_due_take_turns_with_calls() -> Result<()> {
    timers_take_turns(app("
        function App:set()
            self.runs = 0
            local function run()
                self.runs += 1
                setTimeout(run, 0)
            end
            for _ = 1, 1000 do setTimeout(run, 0) end
        end
        function App:get_runs() return self.runs end"))
}

#[cfg(feature = "quickjs")]
#[test]
fn timers_of_javascript_that_are_always_due_take_turns_with_calls() -> Result<()> {
    let source = "import { DurableObject } from 'cloudflare:workers';
        export class App extends DurableObject {
            runs = 0;
            set() {
                const run = () => { this.runs++; setTimeout(run, 0); };
                for (let i = 0; i < 1000; i++) setTimeout(run, 0);
            }
            get_runs() { return this.runs; }
        }";
    timers_take_turns(WorkerCode {
        main_module: "main.js".into(),
        modules: vec![("main.js".into(), facetbox::Module::Js(source.into()))],
        ..WorkerCode::default()
    })
}

/// The first alarm of all spawns a task, which tells how many have fired when it comes to run.
#[derive(Clone)]
struct Storm {
    fired: Arc<AtomicUsize>,
    tell: Arc<Mutex<mpsc::Sender<usize>>>,
}

struct Stormy(Ctx, Storm);

impl DurableObject for Stormy {
    fn call(&self, _method: &str, args: Vec<Value>) -> Result<Value> {
        self.0.storage().set_alarm(args[0].as_i64().unwrap())?;
        Ok(Value::Null)
    }

    fn alarm(&self, _info: AlarmInfo) -> Result<()> {
        let Storm { fired, tell } = self.1.clone();
        if fired.fetch_add(1, Ordering::Relaxed) == 0 {
            self.0.spawn(async move {
                let _ = tell.lock().unwrap().send(fired.load(Ordering::Relaxed));
            });
        }
        Ok(())
    }
}

#[test]
fn tasks_come_between_the_alarms_that_are_due_at_once() -> Result<()> {
    const ALARMS: usize = 1_000;
    let clock = ManualClock::new(1_000_000);
    let runtime = Runtime::open_with(Options { clock: Some(clock.clone()), ..Options::default() })?;
    let (tell, told) = mpsc::channel();
    let storm = Storm { fired: Arc::default(), tell: Arc::new(Mutex::new(tell)) };
    let class = Class::host("Stormy", move |ctx, _env| Ok(Stormy(ctx, storm.clone())));
    let namespace = runtime.namespace("Stormy", class)?;
    for number in 0..ALARMS {
        let stub = namespace.get_by_name(&number.to_string());
        stub.call_blocking("set", vec![1_000_500.into()])?;
    }
    clock.set_ms(1_000_500);
    let fired = told.recv().unwrap();
    assert!(fired <= ALARMS / 2, "the task has waited for {fired} alarms");
    Ok(())
}
