//! Guest code as a namespace's class, and the loader's cache and entrypoints.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use facetbox::{
    ErrorCode, ExportOptions, HostFunction, Result, Runtime, Stub, Value, ValueMap, WorkerCode,
};

use crate::support::{app, assert_fails, own, visit};

#[test]
fn a_guest_class_may_supervise_facets() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app(r#"
        local CODE = [[
            local Inner = DurableObject:extend("Inner")
            function Inner:fetch(request)
                local kv = self.ctx.storage.kv
                kv:put("n", (kv:get("n") or 0) + 1)
                return Response.new(`inner {kv:get("n")}`)
            end
            return { Inner = Inner }
        ]]
        function App:fetch(request)
            return self.ctx.facets:get("app", function()
                local worker = self.env.LOADER:load({ mainModule = "a.luau", modules = { ["a.luau"] = CODE } })
                return { class = worker:getDurableObjectClass("Inner") }
            end):fetch(request)
        end
        "#);
    code.env.insert("LOADER", runtime.loader());
    let stub = own(&runtime, code)?;
    assert_eq!((visit(&stub)?, visit(&stub)?), ("inner 1".into(), "inner 2".into()));
    Ok(())
}

#[test]
fn objects_of_a_guest_class_are_independent() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    own(&runtime, app("function App:add() self.n = (self.n or 0) + 1 return self.n end"))?;
    let namespace = runtime.get_namespace("App")?;
    let add = |name| namespace.get_by_name(name).call_blocking("add", vec![]);
    assert_eq!((add("a")?, add("a")?, add("b")?), (1.into(), 2.into(), 1.into()));
    Ok(())
}

#[test]
fn the_loader_asks_once_for_code_it_has() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (loader, asked) = (runtime.loader(), Cell::new(0));
    let code = || {
        asked.set(asked.get() + 1);
        Ok(app("function App:ping() return 'pong' end"))
    };
    assert!(loader.cached("v1").is_none());
    for _ in 0..2 {
        loader.get("v1", code);
    }
    assert!(loader.cached("v1").is_some() && runtime.loader().cached("v1").is_none());
    loader.get("v2", code);
    assert_eq!(asked.get(), 2);
    Ok(())
}

#[test]
fn the_loader_does_not_keep_a_failure() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let loader = runtime.loader();
    let failed = loader.get("v1", || Err(facetbox::Error::guest("Error", "the store is down")));
    let stub = failed.get_entrypoint("default", Default::default())?;
    assert_fails(stub.call_blocking("ping", vec![]), ErrorCode::GuestError, "the store is down");
    let good = WorkerCode::luau(
        "local E = WorkerEntrypoint:extend('E') function E:ping() return 'pong' end return { default = E }",
    );
    let stub = loader.get("v1", || Ok(good)).get_entrypoint("default", Default::default())?;
    assert_eq!(stub.call_blocking("ping", vec![])?, Value::from("pong"));
    Ok(())
}

#[test]
fn an_entrypoint_has_env_and_props_but_no_storage() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = WorkerCode::luau(
        "local Tool = WorkerEntrypoint:extend('Tool')
         function Tool:read() return { self.env.NAME, self.ctx.props.user } end
         function Tool:store() return self.ctx.storage.kv:get('x') end
         return { Tool = Tool }",
    );
    code.env.insert("NAME", "tool");
    let props = Value::Map(ValueMap::from_iter([("user", "alice")]));
    let options = ExportOptions { props, ..ExportOptions::default() };
    let stub = runtime.loader().load(code)?.get_entrypoint("Tool", options)?;
    let expected = Value::List(vec!["tool".into(), "alice".into()]);
    assert_eq!(stub.call_blocking("read", vec![])?, expected);
    assert!(stub.call_blocking("store", vec![]).is_err());
    Ok(())
}

#[test]
fn methods_of_luau_are_those_that_the_class_has_at_the_call() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = WorkerCode::luau(
        "local Base = DurableObject:extend('Base')
         function Base:name() return 'base' end
         local App = Base:extend('App')
         App.value = 7
         function App:change() App.name = function() return 'own' end end
         function App:hide() App.name = 7 end
         function App:last(...) return (select(select('#', ...), ...)) end
         return { App = App }",
    );
    let stub = own(&runtime, code)?;
    let call = |method: &str| stub.call_blocking(method, vec![]);
    assert_eq!(call("name")?, Value::from("base"));
    call("change")?;
    assert_eq!(call("name")?, Value::from("own"));
    call("hide")?;
    for method in ["name", "value", "absent", &"m".repeat(100)] {
        assert_fails(call(method), ErrorCode::NotFound, method);
    }
    let mut args = vec![Value::Null];
    for arg in [true.into(), 7.into(), Value::Float(1.5), "text".into(), vec![1u8].into()] {
        args.push(Value::List(vec![arg.clone()]));
        args.push(arg.clone());
        assert_eq!(stub.call_blocking("last", args.clone())?, arg);
    }
    Ok(())
}

#[test]
fn a_guest_that_has_the_coroutine_of_its_event_harms_itself_alone() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app(r#"
        local kept
        function App:keep() kept = coroutine.running() end
        function App:fail() kept = coroutine.running() error("failed") end
        function App:wait() kept = coroutine.running() return self.env.BACK() end
        function App:meddle() return (coroutine.resume(kept, true, "made up")) end
        function App:close() return (pcall(coroutine.close, kept)) end
        function App:add(a, b) return a + b end
    "#);
    let own_stub = Arc::new(OnceLock::<Stub>::new());
    let stub = own_stub.clone();
    let back = move |_args| stub.get().expect("it is set").call_blocking("meddle", vec![]);
    code.env.insert("BACK", HostFunction::new("BACK", back));
    let stub = own(&runtime, code)?;
    let _ = own_stub.set(stub.clone());
    let call = |method: &str| stub.call_blocking(method, vec![]);
    let add = || stub.call_blocking("add", vec![1.into(), 2.into()]);
    call("keep")?;
    assert_eq!((call("meddle")?, call("close")?, add()?), (false.into(), false.into(), 3.into()));
    assert_fails(call("fail"), ErrorCode::GuestError, "failed");
    assert_eq!((call("meddle")?, call("close")?, add()?), (false.into(), true.into(), 3.into()));
    // The event that comes back into the object ends the coroutine of the one that waits.
    assert_fails(call("wait"), ErrorCode::GuestError, "cannot resume dead coroutine");
    assert_eq!((call("close")?, add()?), (true.into(), 3.into()));
    Ok(())
}
