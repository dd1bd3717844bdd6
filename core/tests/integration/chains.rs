//! Calls that come back into an actor of their own chain, and chains that wait for each other.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "quickjs")]
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::task::Poll;
use std::thread;
use std::time::Duration;
#[cfg(feature = "quickjs")]
use std::time::Instant;

#[cfg(feature = "quickjs")]
use facetbox::Module;
use facetbox::{
    BoxFuture, ErrorCode, HostFunction, Namespace, Result, Runtime, Stub, Value, WorkerCode,
};
use futures_lite::future;

use crate::support::{app, assert_fails, facet, host_class, own};

/// A way for host code to reach a namespace that is bound after it was written.
type Later = Arc<OnceLock<Namespace>>;

fn one(later: &Later) -> Stub {
    later.get().expect("the namespace is bound").get_by_name("one")
}

/// A supervisor whose facet calls the host function `back(method)`, which calls the supervisor again.
fn supervisor(runtime: &Runtime) -> Result<Stub> {
    let later = Later::default();
    let target = later.clone();
    let back = HostFunction::new("back", move |args| {
        one(&target).call_blocking(args[0].as_str().unwrap_or_default(), vec![])
    });
    let mut code = app("function App:out(method) return self.env.back(method) end
         function App:ping() return 'pong' end");
    code.env.insert("back", back);
    let class = host_class(move |ctx, method, args| match method {
        "out" => facet(ctx, "app", &code)?.call_blocking("out", args),
        "again" => facet(ctx, "app", &code)?.call_blocking("out", vec!["again".into()]),
        "ping" => facet(ctx, "app", &code)?.call_blocking("ping", vec![]),
        _ => Ok(format!("{method} of the supervisor").into()),
    });
    let namespace = runtime.namespace("Host", class)?;
    let _ = later.set(namespace.clone());
    Ok(namespace.get_by_name("one"))
}

#[test]
fn a_facet_may_call_back_into_its_supervisor() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let answer = supervisor(&runtime)?.call_blocking("out", vec!["inner".into()])?;
    assert_eq!(answer, Value::from("inner of the supervisor"));
    Ok(())
}

#[test]
fn a_facet_may_be_called_again_by_the_host_function_it_waits_for() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let answer = supervisor(&runtime)?.call_blocking("out", vec!["ping".into()])?;
    assert_eq!(answer, Value::from("pong"));
    Ok(())
}

#[test]
fn an_endless_chain_ends_at_the_depth_limit() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = supervisor(&runtime)?;
    assert_fails(stub.call_blocking("again", vec![]), ErrorCode::LimitDepth, "100");
    assert_eq!(stub.call_blocking("ping", vec![])?, Value::from("pong"));
    Ok(())
}

#[test]
fn an_object_may_call_itself() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let later = Later::default();
    let target = later.clone();
    let class = host_class(move |_ctx, _method, args| match args[0].as_i64() {
        Some(0) => Ok("bottom".into()),
        n => one(&target).call_blocking("down", vec![(n.unwrap_or(0) - 1).into()]),
    });
    let namespace = runtime.namespace("Host", class)?;
    let _ = later.set(namespace);
    assert_eq!(one(&later).call_blocking("down", vec![5.into()])?, Value::from("bottom"));
    Ok(())
}

#[test]
fn guests_that_call_each_other_in_a_ring_do_not_deadlock() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(
        &runtime,
        app("function App:ring(names)
                 if #names == 0 then return self.ctx.id.name end
                 local next = table.remove(names, 1)
                 return self.ctx.exports.App:getByName(next):ring(names)
             end"),
    )?;
    let names = ["two", "one", "two", "one"].map(Value::from).to_vec();
    assert_eq!(stub.call_blocking("ring", vec![Value::List(names)])?, Value::from("one"));
    Ok(())
}

#[test]
fn two_chains_that_wait_for_each_other_end_in_deadlock() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (later, both_inside) = (Later::default(), Arc::new(Barrier::new(2)));
    let target = later.clone();
    let class = host_class(move |_ctx, method, args| {
        if method == "ping" {
            return Ok("pong".into());
        }
        both_inside.wait();
        let other = args[0].as_str().unwrap_or_default();
        target.get().expect("bound").get_by_name(other).call_blocking("ping", vec![])
    });
    let namespace = runtime.namespace("Host", class)?;
    let _ = later.set(namespace.clone());
    let cross = |from: &'static str, to: &'static str| {
        let stub = namespace.get_by_name(from);
        thread::spawn(move || stub.call_blocking("cross", vec![to.into()]))
    };
    let outcomes = [cross("a", "b"), cross("b", "a")].map(|thread| thread.join().unwrap());
    let (good, bad): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 1));
    assert_fails(bad.into_iter().next().unwrap(), ErrorCode::Deadlock, "Host/");
    for name in ["a", "b"] {
        assert_eq!(namespace.get_by_name(name).call_blocking("ping", vec![])?, Value::from("pong"));
    }
    Ok(())
}

#[test]
fn an_event_may_wait_for_its_turn_again_behind_one_that_has_just_got_it() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app(r#"
        function App:first()
            self.ctx:blockConcurrencyWhile(function() self.env.gate() end)
            self.env.pause()
            return 1
        end
        function App:second() return 2 end
        function App:third() return 3 end
    "#);
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let opened = move |_| {
        let gate = gate.clone();
        let opened = poll_fn(move |_| match gate.load(Ordering::Acquire) {
            true => Poll::Ready(Ok(Value::Null)),
            false => Poll::Pending,
        });
        Box::pin(opened) as BoxFuture<'static, Result<Value>>
    };
    code.env.insert("gate", HostFunction::new_async("gate", opened));
    let pause = |_| {
        let pause = async {
            future::yield_now().await;
            Ok(Value::Null)
        };
        Box::pin(pause) as BoxFuture<'static, Result<Value>>
    };
    code.env.insert("pause", HostFunction::new_async("pause", pause));
    let stub = own(&runtime, code)?;
    let call = |method: &'static str| Box::pin(stub.call(method, vec![]));
    let poll = |call: &mut _| future::block_on(future::poll_once(call));
    let (mut first, mut second, mut third) = (call("first"), call("second"), call("third"));
    assert!(poll(&mut first).is_none(), "it keeps the turn and waits for the gate");
    assert!(poll(&mut second).is_none() && poll(&mut third).is_none(), "both wait for the turn");
    open.store(true, Ordering::Release);
    let again = (0..3).find_map(|_| poll(&mut first));
    assert_eq!(again, None, "it waits behind the others");
    assert_eq!(poll(&mut second), Some(Ok(2.into())));
    assert_eq!(poll(&mut third), Some(Ok(3.into())));
    assert_eq!(poll(&mut first), Some(Ok(1.into())));
    Ok(())
}

/// While an event waits for its turn, the calls that it has made go on: one of them has the turn of an object that whoever
/// has the event's turn calls.
#[cfg(feature = "quickjs")]
#[test]
fn calls_go_on_while_their_caller_waits_for_its_turn() -> Result<()> {
    let code = js(r#"
import { DurableObject } from "cloudflare:workers";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export class Room extends DurableObject {
  room(name) { return this.ctx.exports.Room.getByName(name); }
  async both() { return await Promise.all([this.room("b").soon(), this.room("c").section()]); }
  async soon() { await sleep(30); return "soon"; }
  section() { return this.ctx.blockConcurrencyWhile(async () => { await sleep(90); return "late"; }); }
  hold() { return this.ctx.storage.transaction(async () => { await sleep(60); return await this.room("c").leaf(); }); }
  leaf() { return "leaf"; }
}"#);
    let runtime = Runtime::open_in_memory()?;
    let rooms = runtime.deploy("site", code, None)?.namespace("Room")?;
    for name in ["a", "b", "c"] {
        rooms.get_by_name(name).call_blocking("leaf", vec![])?;
    }
    let (started, both) = (Instant::now(), rooms.get_by_name("a"));
    let both = thread::spawn(move || both.call_blocking("both", vec![]));
    thread::sleep(Duration::from_millis(10));
    assert_eq!(rooms.get_by_name("a").call_blocking("hold", vec![])?, "leaf".into());
    let both = both.join().expect("no panic")?;
    assert_eq!(both, Value::List(vec!["soon".into(), "late".into()]));
    assert!(started.elapsed() < Duration::from_secs(10));
    Ok(())
}

/// A call that has come into its caller's turn, while that kept it, goes on when the caller is to give it up.
#[cfg(feature = "quickjs")]
#[test]
fn a_call_within_a_turn_goes_on_while_its_caller_gives_that_up() -> Result<()> {
    let code = js(r#"
import { DurableObject } from "cloudflare:workers";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export class Room extends DurableObject {
  section(ms) { return this.ctx.blockConcurrencyWhile(async () => { await sleep(ms); return ms; }); }
  async both() {
    const outer = this.section(20);
    const inner = this.ctx.exports.Room.getByName("a").section(60);
    return [await outer, await inner];
  }
}"#);
    let runtime = Runtime::open_in_memory()?;
    let room = runtime.deploy("site", code, None)?.namespace("Room")?.get_by_name("a");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(room.call_blocking("both", vec![])));
    let both = told.recv_timeout(Duration::from_secs(20)).expect("it doesn't wait for ever")?;
    assert_eq!(both, Value::List(vec![20.into(), 60.into()]));
    Ok(())
}

/// An event that keeps its turn goes on while one runs within that turn, which it doesn't wait for: on two threads, in one
/// machine.
#[test]
fn an_event_within_a_section_and_the_section_may_go_on_at_once() -> Result<()> {
    let luau = app(r#"
        function App:fill(key)
            for n = 1, 200 do self.ctx.storage.kv:put(key, n) end
            return self.ctx.storage.kv:get(key)
        end
        function App:within(n)
            self.env.pause()
            return self:fill("within " .. n)
        end
        function App:section()
            local filled = 0
            self.ctx:blockConcurrencyWhile(function()
                for n = 1, 20 do
                    self.env.begin(n)
                    filled += self:fill("own")
                end
            end)
            return filled
        end
    "#);
    at_once(luau)?;
    #[cfg(feature = "quickjs")]
    at_once(js(r#"
import { DurableObject } from "cloudflare:workers";
export class App extends DurableObject {
  fill(key) {
    for (let n = 1; n <= 200; n++) this.ctx.storage.kv.put(key, n);
    return this.ctx.storage.kv.get(key);
  }
  async within(n) {
    await this.env.pause();
    return this.fill("within " + n);
  }
  async section() {
    let filled = 0;
    await this.ctx.blockConcurrencyWhile(async () => {
      for (let n = 1; n <= 20; n++) {
        await this.env.begin(n);
        filled += this.fill("own");
      }
    });
    return filled;
  }
}"#))?;
    Ok(())
}

/// Has `section` of an app begin calls of `within`, each of which another thread sees to.
fn at_once(mut code: WorkerCode) -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (later, begun) = (Arc::new(OnceLock::<Stub>::new()), Arc::new(Mutex::new(Vec::new())));
    let (target, threads) = (later.clone(), begun.clone());
    let begin = HostFunction::new("begin", move |args| {
        let call = target.get().expect("it was found").call("within", args);
        let thread = thread::spawn(move || future::block_on(call));
        threads.lock().expect("nobody panics with it").push(thread);
        Ok(Value::Null)
    });
    code.env.insert("begin", begin);
    code.env.insert("pause", HostFunction::new("pause", |_| Ok(Value::Null)));
    let stub = own(&runtime, code)?;
    let _ = later.set(stub.clone());
    assert_eq!(stub.call_blocking("section", vec![])?, Value::from(20 * 200));
    for thread in begun.lock().expect("nobody panics with it").drain(..) {
        assert_eq!(thread.join().expect("no panic")?, Value::from(200));
    }
    Ok(())
}

/// Code whose main module is this.
#[cfg(feature = "quickjs")]
fn js(main: &str) -> WorkerCode {
    let modules = vec![("worker.js".into(), Module::Js(main.into()))];
    WorkerCode { main_module: "worker.js".into(), modules, ..WorkerCode::default() }
}

/// A call that nobody waits for comes back into an object while the event that has begun it runs there: it waits for the turn
/// as others do, and isn't in the midst of a transaction of whoever has that next.
#[test]
fn what_a_call_left_behind_writes_is_in_nobodys_transaction() -> Result<()> {
    let mut code = app(r#"
        function App:first(n)
            self.env.begin(n)
            local start = os.clock()
            while os.clock() - start < 0.01 do end
        end
        function App:section(n)
            self.ctx:blockConcurrencyWhile(function() self:first(n) end)
        end
        function App:within(n)
            self.ctx.storage.kv:put("x", n)
        end
        function App:undone()
            pcall(function()
                self.ctx.storage:transaction(function()
                    self.env.pause()
                    error("undo")
                end)
            end)
            return self.ctx.storage.kv:get("x")
        end
    "#);
    let runtime = Runtime::open_in_memory()?;
    let (later, begun) = (Arc::new(OnceLock::<Stub>::new()), Arc::new(Mutex::new(Vec::new())));
    let (target, threads) = (later.clone(), begun.clone());
    let sleep = |ms| thread::sleep(Duration::from_millis(ms));
    let begin = HostFunction::new("begin", move |args| {
        let call = target.get().expect("it was found").call("within", args);
        let thread = thread::spawn(move || {
            sleep(3);
            future::block_on(call)
        });
        threads.lock().expect("nobody panics with it").push(thread);
        Ok(Value::Null)
    });
    code.env.insert("begin", begin);
    code.env.insert(
        "pause",
        HostFunction::new("pause", move |_| {
            sleep(2);
            Ok(Value::Null)
        }),
    );
    let stub = own(&runtime, code)?;
    let _ = later.set(stub.clone());
    for n in 1..=100 {
        let first = stub.clone();
        let method = if n % 2 == 0 { "first" } else { "section" };
        let first = thread::spawn(move || first.call_blocking(method, vec![n.into()]));
        sleep(6);
        stub.call_blocking("undone", vec![])?;
        first.join().expect("no panic")?;
        let within = begun.lock().expect("nobody panics with it").pop().expect("it was begun");
        within.join().expect("no panic")?;
        assert_eq!(stub.call_blocking("undone", vec![])?, Value::from(n), "{method}");
    }
    Ok(())
}
