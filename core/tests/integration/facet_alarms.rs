//! Alarms of facets that aren't running when they are due.

use std::path::Path;
use std::time::Duration;

use facetbox::{
    Alarms, Class, Ctx, DurableObject, ErrorCode, ManualClock, Options, Result, Runtime, Stub,
    Value, WorkerCode,
};
use tempfile::TempDir;

use crate::support::{app, assert_fails, counter, facet, host_class};

const START: i64 = 1_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// A supervisor and its facet, which sets an alarm and tells whether it has fired.
const LUAU: &str = "
    local Child = DurableObject:extend('Child')
    function Child:set(time) self.ctx.storage:setAlarm(time) end
    function Child:alarm() self.ctx.storage.kv:put('fired', 1) end
    function Child:fired() return self.ctx.storage.kv:get('fired') end
    function Child:pass(name, method, ...) return self:startFacet(name)[method](self:startFacet(name), ...) end
    function Child:startFacet(name)
        return self.ctx.facets:get(name, function() return { class = self.ctx.exports.Child } end)
    end
    local App = Child:extend('App')
    function App:remove(name) self.ctx.facets:delete(name) end
    return { App = App, Child = Child }";

#[cfg(feature = "quickjs")]
const JS: &str = "
    import { DurableObject } from 'cloudflare:workers';
    export class Child extends DurableObject {
        set(time) { return this.ctx.storage.setAlarm(time); }
        alarm() { this.ctx.storage.kv.put('fired', 1); }
        fired() { return this.ctx.storage.kv.get('fired'); }
        pass(name, method, ...args) { return this.startFacet(name)[method](...args); }
        startFacet(name) {
            return this.ctx.facets.get(name, async () => ({ class: this.ctx.exports.Child }));
        }
    }
    export class App extends Child {
        remove(name) { this.ctx.facets.delete(name); }
    }";

fn codes() -> Vec<WorkerCode> {
    #[cfg(feature = "quickjs")]
    let js = WorkerCode::js(JS);
    vec![
        WorkerCode::luau(LUAU),
        #[cfg(feature = "quickjs")]
        js,
    ]
}

fn open(path: &Path, clock: &ManualClock) -> Result<Runtime> {
    Runtime::open_with(Options {
        path: Some(path.into()),
        clock: Some(clock.clone()),
        alarms: Alarms::Manual,
        ..Options::default()
    })
}

fn guest(runtime: &Runtime, code: &WorkerCode) -> Result<Stub> {
    let worker = runtime.loader().load(code.clone())?;
    let class = worker.get_durable_object_class("App", Default::default());
    Ok(runtime.namespace("Sup", class)?.get_by_name("one"))
}

/// Has the facet on the way `path` run a method.
fn pass(stub: &Stub, path: &[&str], method: &str, args: Vec<Value>) -> Result<Value> {
    let mut call = (method.to_owned(), args);
    for name in path.iter().rev() {
        let args = [vec![(*name).into(), call.0.into()], call.1].concat();
        call = ("pass".into(), args);
    }
    stub.call_blocking(call.0, call.1)
}

#[test]
fn a_parent_starts_its_facet_for_an_alarm_after_a_restart() -> Result<()> {
    for code in codes() {
        for path in [&["a"][..], &["a", "b"]] {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let clock = ManualClock::new(START);
            let runtime = open(dir.path(), &clock)?;
            pass(&guest(&runtime, &code)?, path, "set", vec![(START + 10).into()])?;
            runtime.close();
            clock.advance(SECOND);
            let runtime = open(dir.path(), &clock)?;
            let stub = guest(&runtime, &code)?;
            assert_eq!(runtime.run_due_alarms()?, 1, "{path:?}");
            assert_eq!(pass(&stub, path, "fired", vec![])?, Value::Int(1));
            assert_eq!(runtime.run_due_alarms()?, 0);
        }
    }
    Ok(())
}

#[test]
fn nobody_is_asked_to_start_a_facet_that_was_deleted() -> Result<()> {
    for code in codes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let clock = ManualClock::new(START);
        let runtime = open(dir.path(), &clock)?;
        let stub = guest(&runtime, &code)?;
        pass(&stub, &["a"], "set", vec![(START + 10).into()])?;
        stub.call_blocking("remove", vec!["a".into()])?;
        clock.advance(SECOND);
        assert_eq!(runtime.run_due_alarms()?, 0);
        assert_eq!(pass(&stub, &["a"], "fired", vec![])?, Value::Null);
    }
    Ok(())
}

/// The facet class that hosts start here.
fn child() -> WorkerCode {
    app("function App:set(time) self.ctx.storage:setAlarm(time) end
         function App:alarm() self.ctx.storage.kv:put('fired', 1) end
         function App:fired() return self.ctx.storage.kv:get('fired') end")
}

struct Sup(Ctx);

impl DurableObject for Sup {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        self.start_facet("a")?.call_blocking(method, args)
    }

    fn start_facet(&self, name: &str) -> Result<Stub> {
        facet(&self.0, name, &child())
    }
}

/// Sets an alarm in the facet of an object of the class, and fires it after a restart.
fn fire_after_restart(class: impl Fn() -> Class) -> Result<(TempDir, Runtime, Stub, u64)> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let clock = ManualClock::new(START);
    let runtime = open(dir.path(), &clock)?;
    let namespace = runtime.namespace("Sup", class())?;
    namespace.get_by_name("one").call_blocking("set", vec![(START + 10).into()])?;
    runtime.close();
    clock.advance(SECOND);
    let runtime = open(dir.path(), &clock)?;
    let stub = runtime.namespace("Sup", class())?.get_by_name("one");
    let fired = runtime.run_due_alarms()?;
    Ok((dir, runtime, stub, fired))
}

#[test]
fn a_host_class_starts_its_facet_for_an_alarm() -> Result<()> {
    let (_dir, _runtime, stub, fired) =
        fire_after_restart(|| Class::host("Sup", |ctx, _env| Ok(Sup(ctx))))?;
    assert_eq!(fired, 1);
    assert_eq!(stub.call_blocking("fired", vec![])?, Value::Int(1));
    Ok(())
}

#[test]
fn a_host_class_may_start_its_facet_by_a_plain_method() -> Result<()> {
    let (_dir, _runtime, stub, fired) = fire_after_restart(|| {
        host_class(|ctx, method, args| match (method, args.as_slice()) {
            ("start_facet", [Value::String(name)]) => facet(ctx, name, &child()).map(Value::Stub),
            _ => facet(ctx, "a", &child())?.call_blocking(method, args),
        })
    })?;
    assert_eq!(fired, 1);
    assert_eq!(stub.call_blocking("fired", vec![])?, Value::Int(1));
    Ok(())
}

#[test]
fn without_such_a_method_the_alarm_waits_until_the_facet_is_started() -> Result<()> {
    let (_dir, runtime, stub, fired) = fire_after_restart(|| {
        host_class(|ctx, method, args| match method {
            "start_facet" => Err(facetbox::no_such_method(method)),
            _ => facet(ctx, "a", &child())?.call_blocking(method, args),
        })
    })?;
    assert_eq!(fired, 0);
    assert_eq!(stub.call_blocking("fired", vec![])?, Value::Null);
    assert_eq!(runtime.run_due_alarms()?, 1);
    assert_eq!(stub.call_blocking("fired", vec![])?, Value::Int(1));
    Ok(())
}

#[test]
fn a_parent_that_fails_to_start_its_facet_is_asked_again_after_a_minute() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let clock = ManualClock::new(START);
    let class = || {
        host_class(|ctx, method, args| match method {
            "start_facet" if ctx.storage().kv().delete("willing")? => {
                facet(ctx, "a", &child()).map(Value::Stub)
            }
            "start_facet" => Err(facetbox::Error::guest("Error", "not now")),
            "be_willing" => ctx.storage().kv().put("willing", &Value::Int(1)).map(|()| Value::Null),
            _ => facet(ctx, "a", &child())?.call_blocking(method, args),
        })
    };
    let runtime = open(dir.path(), &clock)?;
    let stub = runtime.namespace("Sup", class())?.get_by_name("one");
    stub.call_blocking("set", vec![(START + 10).into()])?;
    runtime.close();
    clock.advance(SECOND);
    let runtime = open(dir.path(), &clock)?;
    let stub = runtime.namespace("Sup", class())?.get_by_name("one");
    assert_eq!(runtime.run_due_alarms()?, 0);
    stub.call_blocking("be_willing", vec![])?;
    clock.advance(59 * SECOND);
    assert_eq!(runtime.run_due_alarms()?, 0);
    clock.advance(SECOND);
    assert_eq!(runtime.run_due_alarms()?, 1);
    Ok(())
}

#[test]
fn a_facet_that_hibernates_fires_without_its_parent() -> Result<()> {
    let clock = ManualClock::new(START);
    let runtime = Runtime::open_with(Options {
        clock: Some(clock.clone()),
        alarms: Alarms::Manual,
        max_warm: Some(1),
        ..Options::default()
    })?;
    let class = host_class(|ctx, method, args| match method {
        "start_facet" => Err(facetbox::Error::guest("Error", "the facet was known already")),
        _ => facet(ctx, "a", &child())?.call_blocking(method, args),
    });
    let stub = runtime.namespace("Sup", class)?.get_by_name("one");
    stub.call_blocking("set", vec![(START + 10).into()])?;
    let others =
        runtime.loader().load(counter())?.get_durable_object_class("App", Default::default());
    let others = runtime.namespace("Other", others)?;
    for name in ["x", "y", "z"] {
        others.get_by_name(name).call_blocking("count", vec![])?;
    }
    clock.advance(SECOND);
    assert_eq!(runtime.run_due_alarms()?, 1);
    assert_eq!(stub.call_blocking("fired", vec![])?, Value::Int(1));
    Ok(())
}

#[test]
fn nobody_but_the_runtime_asks_for_a_facet_to_be_started() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(|ctx, _, _| facet(ctx, "a", &child()).map(Value::Stub));
    let host = runtime.namespace("Host", class)?.get_by_name("one");
    let entrypoint = runtime.loader().load(WorkerCode::luau(
        "local E = WorkerEntrypoint:extend('E')
         function E:startFacet() return 1 end
         return { E = E }",
    ))?;
    let entrypoint = entrypoint.get_entrypoint("E", Default::default())?;
    for method in ["startFacet", "start_facet"] {
        let message = format!("'{method}' is a reserved method and cannot be called over RPC.");
        let refused = |outcome: Result<Value>| {
            let error = outcome.expect_err("this must fail");
            assert_eq!((error.name(), error.message()), ("TypeError", message.as_str()));
        };
        refused(host.call_blocking(method, vec!["a".into()]));
        refused(entrypoint.call_blocking(method, vec!["a".into()]));
        for (n, code) in codes().iter().enumerate() {
            let runtime = Runtime::open_in_memory()?;
            let guest = guest(&runtime, code)?;
            refused(guest.call_blocking(method, vec![n.to_string().into()]));
            refused(pass(&guest, &["a"], method, vec!["b".into()]));
        }
    }
    Ok(())
}

#[test]
fn a_host_class_without_a_handler_cannot_set_an_alarm() -> Result<()> {
    struct Mute(Ctx);
    impl DurableObject for Mute {
        fn call(&self, _method: &str, _args: Vec<Value>) -> Result<Value> {
            self.0.storage().set_alarm(START).map(|()| Value::Null)
        }

        fn has_alarm(&self) -> bool {
            false
        }
    }
    let runtime = Runtime::open_in_memory()?;
    let class = Class::host("Mute", |ctx, _env| {
        ctx.storage().set_alarm(START)?; // nobody knows yet
        Ok(Mute(ctx))
    });
    let stub = runtime.namespace("Mute", class)?.get_by_name("one");
    let error = assert_fails(
        stub.call_blocking("set", vec![]),
        ErrorCode::Unsupported,
        "Your Durable Object class must have an alarm() handler in order to call setAlarm()",
    );
    assert_eq!(error.name(), "TypeError");
    Ok(())
}
