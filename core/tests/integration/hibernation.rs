//! Instances that nobody uses are dropped; data stays, and the next event starts them again.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use facetbox::{
    HostFunction, Namespace, Options, Result, Runtime, TailInfo, TailReceiver, Value, WorkerCode,
};

use crate::support::{app, counter};

fn options(idle_ms: u64, max_warm: usize) -> Options {
    Options { idle_ms: Some(idle_ms), max_warm: Some(max_warm), ..Options::default() }
}

fn apps(runtime: &Runtime, code: facetbox::WorkerCode) -> Result<Namespace> {
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    runtime.namespace("App", class)
}

const MEMORY: &str = "
    function App:bump()
        self.memory = (self.memory or 0) + 1
        local kv = self.ctx.storage.kv
        kv:put('n', (kv:get('n') or 0) + 1)
        return { self.memory, kv:get('n') }
    end";

fn pair(a: i64, b: i64) -> Value {
    Value::List(vec![a.into(), b.into()])
}

/// Calls until the instance has been dropped: its memory counts from one again.
fn wait_until_forgotten(stub: &facetbox::Stub, idle: Duration) -> Result<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        std::thread::sleep(idle * 3);
        let answer = stub.call_blocking("bump", vec![])?;
        let memory = answer.as_list().and_then(|pair| pair[0].as_i64());
        if memory == Some(1) || Instant::now() > deadline {
            return Ok(answer);
        }
    }
}

#[test]
fn an_idle_instance_loses_its_memory_and_keeps_its_data() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let idle = Duration::from_millis(40);
    let runtime =
        Runtime::open_with(Options { path: Some(dir.path().into()), ..options(40, 100) })?;
    let stub = apps(&runtime, app(MEMORY))?.get_by_name("one");
    assert_eq!(stub.call_blocking("bump", vec![])?, pair(1, 1));
    let woken = wait_until_forgotten(&stub, idle)?;
    let data = woken.as_list().and_then(|pair| pair[1].as_i64());
    assert!(data.is_some_and(|data| data >= 2), "{woken:?}");
    assert_eq!(woken.as_list().and_then(|pair| pair[0].as_i64()), Some(1));
    Ok(())
}

#[test]
fn more_objects_than_the_cap_keep_their_data() -> Result<()> {
    let runtime = Runtime::open_with(options(60_000, 8))?;
    let namespace = apps(&runtime, counter())?;
    for round in 1..=2 {
        for name in 0..50 {
            let stub = namespace.get_by_name(&name.to_string());
            let answer = crate::support::visit(&stub)?;
            assert_eq!(answer, format!("You've made {round} requests.\n"), "object {name}");
        }
    }
    Ok(())
}

#[test]
fn an_instance_with_an_event_in_it_is_never_dropped() -> Result<()> {
    let runtime = Runtime::open_with(options(5, 1))?;
    let mut code = app("
        function App:slow()
            self.memory = 'mine'
            self.env.wait()
            return self.memory
        end
        function App:quick() return 1 end");
    let wait = HostFunction::new("wait", |_| {
        std::thread::sleep(Duration::from_millis(100));
        Ok(Value::Null)
    });
    code.env.insert("wait", wait);
    let namespace = apps(&runtime, code)?;
    let slow = namespace.get_by_name("slow");
    let thread = std::thread::spawn(move || slow.call_blocking("slow", vec![]));
    for name in 0..20 {
        namespace.get_by_name(&name.to_string()).call_blocking("quick", vec![])?;
    }
    assert_eq!(thread.join().expect("the call ends")?, "mine".into());
    Ok(())
}

#[test]
fn a_pending_timer_keeps_the_instance() -> Result<()> {
    let runtime = Runtime::open_with(options(5, 100))?;
    let code = app("
        function App:start()
            self.memory = 1
            setTimeout(function() self.memory += 1 end, 3600000)
        end
        function App:bump() self.memory = (self.memory or 0) + 1 return { self.memory } end");
    let namespace = apps(&runtime, code)?;
    let [stub, other] = ["one", "other"].map(|name| namespace.get_by_name(name));
    stub.call_blocking("start", vec![])?;
    other.call_blocking("bump", vec![])?;
    // One without a timer, which has been used later, is dropped before.
    let forgotten = wait_until_forgotten(&other, Duration::from_millis(5))?;
    assert_eq!(forgotten, Value::List(vec![1.into()]));
    assert_eq!(stub.call_blocking("bump", vec![])?, Value::List(vec![2.into()]));
    Ok(())
}

#[cfg(feature = "quickjs")]
fn js(source: &str) -> WorkerCode {
    WorkerCode::js(source)
}

/// Sets a timer for later than any test, and clears it in another event, with which one goes off soon.
fn with_cleared_timers() -> Vec<WorkerCode> {
    let luau = app("
        function App:start()
            self.memory = 0
            self.late = setTimeout(function() end, 3600000)
            self.soon = setInterval(function() end, 1)
            clearInterval(self.soon)
        end
        function App:stop()
            clearTimeout(self.late)
            setTimeout(function() print('done') end, 5)
        end
        function App:bump() self.memory = (self.memory or 0) + 1 return { self.memory } end");
    #[cfg(feature = "quickjs")]
    let js = js("import { DurableObject } from 'cloudflare:workers';
        export class App extends DurableObject {
            memory = 0;
            start() {
                this.late = setTimeout(() => {}, 3600000);
                this.soon = setInterval(() => {}, 1);
                clearInterval(this.soon);
            }
            stop() {
                clearTimeout(this.late);
                setTimeout(() => console.log('done'), 5);
            }
            bump() { return [++this.memory]; }
        }");
    vec![
        luau,
        #[cfg(feature = "quickjs")]
        js,
    ]
}

#[test]
fn a_timer_that_is_cleared_neither_keeps_the_instance_nor_makes_an_event() -> Result<()> {
    for code in with_cleared_timers() {
        let (sender, events) = channel();
        let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
        let runtime = Runtime::open_with(Options { on_tail: Some(on_tail), ..options(30, 100) })?;
        let stub = apps(&runtime, code)?.get_by_name("one");
        for method in ["start", "bump", "stop"] {
            stub.call_blocking(method, vec![])?;
        }
        let next = || events.recv_timeout(Duration::from_secs(20)).expect("an event is told");
        let told: Vec<_> = (0..4).map(|_| next()).collect();
        let rpc = |method: &str| TailInfo::Rpc { method: method.into() };
        let expected = [rpc("start"), rpc("bump"), rpc("stop"), TailInfo::Task];
        assert_eq!(told.iter().map(|event| event.event.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(told[3].logs[0].message, "done");
        let woken = wait_until_forgotten(&stub, Duration::from_millis(30))?;
        assert_eq!(woken, Value::List(vec![1.into()]));
    }
    Ok(())
}
