//! Floods that a guest makes of its own: its callers and its neighbours come between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use facetbox::{
    AlarmInfo, Class, Ctx, DurableObject, ErrorCode, HostFunction, ManualClock, Options, Result,
    Runtime, Value, ValueMap, WorkerCode,
};

use crate::support::{app, own, runtime_with};

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
    timers_take_turns(javascript(
        "runs = 0;
        set() {
            const run = () => { this.runs++; setTimeout(run, 0); };
            for (let i = 0; i < 1000; i++) setTimeout(run, 0);
        }
        get_runs() { return this.runs; }",
    ))
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

/// A guest begins things that don't end, a hundred with each call, until it has used its memory up, which that many calls
/// do. The host holds some kilobytes for each.
fn hoards(code: WorkerCode, most: i64, then: impl FnOnce()) -> Result<()> {
    let runtime = runtime_with([("memoryBytes", 4 << 20)])?;
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    let namespace = runtime.namespace("App", class)?;
    let hostile = namespace.get_by_name("hostile");
    // If not a call but something that it has begun finds no memory any more, the guest begins anew, and so does its count.
    let error = loop {
        match hostile.call_blocking("hoard", vec![]) {
            Ok(calls) => assert!(calls.as_i64().is_some_and(|calls| calls <= most), "{calls:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), ErrorCode::LimitMemory, "{error:?}");
    then();
    assert_eq!(namespace.get_by_name("other").call_blocking("ping", vec![])?, true.into());
    runtime.close();
    Ok(())
}

#[cfg(feature = "quickjs")]
fn javascript(methods: &str) -> WorkerCode {
    let source = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
        export class App extends DurableObject {{ ping() {{ return true; }} {methods} }}"
    );
    WorkerCode::js(source)
}

#[test]
fn timers_that_are_pending_count_as_memory() -> Result<()> {
    let hoard = "
        function App:ping() return true end
        function App:hoard()
            self.run = self.run or function() end
            for _ = 1, 100 do setTimeout(self.run, 1e9) end
            self.calls = (self.calls or 0) + 1
            return self.calls
        end";
    hoards(app(hoard), 40, || ())
}

#[test]
fn calls_that_have_no_answer_count_as_memory() -> Result<()> {
    let hoard = "
        function App:ping() return true end
        function App:hoard()
            for _ = 1, 100 do setTimeout(function() self.env.hang() end, 0) end
            self.calls = (self.calls or 0) + 1
            return self.calls
        end";
    hangs(app(hoard))
}

/// What a guest that is over its limit has called without waiting is given up.
fn hangs(code: WorkerCode) -> Result<()> {
    let going = Arc::new(());
    let begun = going.clone();
    let hang = HostFunction::new_async("hang", move |_| {
        let begun = begun.clone();
        Box::pin(async move {
            let _begun = begun;
            std::future::pending().await
        })
    });
    let env = ValueMap::from_iter([("hang".to_owned(), Value::from(hang))]);
    hoards(WorkerCode { env, ..code }, 40, || {
        let over = Instant::now() + Duration::from_secs(20);
        while Arc::strong_count(&going) > 2 {
            assert!(Instant::now() < over, "{} calls go on", Arc::strong_count(&going) - 2);
            std::thread::yield_now();
        }
    })
}

#[cfg(feature = "quickjs")]
#[test]
fn calls_that_a_guest_does_not_wait_for_end_with_it() -> Result<()> {
    let hoard = "calls = 0;
        hoard() {
            for (let i = 0; i < 100; i++) this.env.hang();
            return ++this.calls;
        }";
    hangs(javascript(hoard))
}

#[cfg(feature = "quickjs")]
#[test]
fn timers_of_javascript_that_are_pending_count_as_memory() -> Result<()> {
    let hoard = "calls = 0;
        hoard() {
            for (let i = 0; i < 100; i++) setTimeout(this.run ??= () => {}, 1e9);
            return ++this.calls;
        }";
    hoards(javascript(hoard), 40, || ())
}

#[cfg(feature = "quickjs")]
#[test]
fn calls_of_javascript_that_have_no_answer_count_as_memory() -> Result<()> {
    let hoard = "
        async hang() { await this.ctx.blockConcurrencyWhile(() => new Promise(() => {})); }
        hoard() {
            const other = this.ctx.exports.App.getByName('stuck');
            this.hangs ??= other.hang();
            for (let i = 0; i < 100; i++) other.ping();
            return ++this.calls;
        }
        calls = 0;";
    hoards(javascript(hoard), 11, || ())
}
