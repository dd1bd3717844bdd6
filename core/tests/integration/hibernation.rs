//! Instances that nobody uses are dropped; data stays, and the next event starts them again.

use std::time::{Duration, Instant};

use facetbox::{HostFunction, Namespace, Options, Result, Runtime, Value};

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
            setTimeout(function() self.memory += 1 end, 120)
        end
        function App:read() return self.memory or 0 end");
    let stub = apps(&runtime, code)?.get_by_name("one");
    stub.call_blocking("start", vec![])?;
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(stub.call_blocking("read", vec![])?, Value::Int(1));
    Ok(())
}
