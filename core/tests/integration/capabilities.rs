//! The only ways out of the sandbox: what the host gives in env, in arguments, and for fetch().

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use facetbox::{
    Error, ErrorCode, HostFunction, HostObject, Outbound, Request, Response, Result, Runtime,
    Value, WorkerCode, no_such_method,
};

use crate::support::{app, assert_fails, facet, host_class, own, runtime_with, serve};

fn sum() -> HostFunction {
    HostFunction::new("sum", |args| Ok(Value::Int(args.iter().filter_map(Value::as_i64).sum())))
}

fn tools() -> HostObject {
    HostObject::new("tools", |method, args| match method {
        "upper" => Ok(args[0].as_str().unwrap_or_default().to_uppercase().into()),
        "_hidden" => Ok("reached".into()),
        _ => Err(no_such_method(method)),
    })
}

#[test]
fn a_guest_calls_the_functions_and_objects_in_its_env() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code =
        app("function App:go() return { self.env.sum(1, 2), self.env.tools:upper('a') } end");
    code.env.insert("sum", sum());
    code.env.insert("tools", tools());
    let answer = serve(&runtime, code)?.call_blocking("go", vec![])?;
    assert_eq!(answer, Value::List(vec![3.into(), "A".into()]));
    Ok(())
}

#[test]
fn a_guest_reaches_public_methods_of_a_host_object_and_nothing_else() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code =
        app("function App:go(method) return self.env.tools[method](self.env.tools, 'a') end");
    code.env.insert("tools", tools());
    let stub = own(&runtime, code)?;
    assert_eq!(stub.call_blocking("go", vec!["upper".into()])?, Value::from("A"));
    for method in ["nope", "_hidden", "__index", "__gc", "constructor"] {
        let error = stub.call_blocking("go", vec![method.into()]).unwrap_err();
        assert_eq!(error.name(), "TypeError", "{method}: {error:?}");
    }
    Ok(())
}

#[test]
fn a_function_given_as_an_argument_is_callable_and_cannot_be_stored() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(
        &runtime,
        app("function App:apply(f) return f(20, 22) end
             function App:keep(f) self.f = f end
             function App:later() return self.f(1, 1) end
             function App:store(f) self.ctx.storage.kv:put('f', f) end"),
    )?;
    assert_eq!(stub.call_blocking("apply", vec![sum().into()])?, Value::Int(42));
    stub.call_blocking("keep", vec![sum().into()])?;
    assert_eq!(stub.call_blocking("later", vec![])?, Value::Int(2));
    let error = stub.call_blocking("store", vec![sum().into()]).unwrap_err();
    assert_eq!(error.name(), "DataCloneError", "{error:?}");
    Ok(())
}

#[test]
fn an_error_of_the_host_comes_out_as_itself_where_nobody_caught_it() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let exception: facetbox::HostException = Arc::new("the host's own exception");
    let thrown = Error::guest("PaymentError", "no money").with_host(exception.clone());
    let mut code = app("function App:fail() return self.env.fail() end
         function App:caught()
             local ok, err = pcall(function() self.env.fail() end)
             return { ok, err.name, err.message }
         end");
    code.env.insert("fail", HostFunction::new("fail", move |_args| Err(thrown.clone())));
    let stub = serve(&runtime, code)?;
    let error = stub.call_blocking("fail", vec![]).unwrap_err();
    assert_eq!(error.to_string(), "PaymentError: no money");
    assert!(error.host_exception().is_some_and(|host| Arc::ptr_eq(host, &exception)));
    let caught = stub.call_blocking("caught", vec![])?;
    let expected = [false.into(), "PaymentError".into(), "no money".into()];
    assert_eq!(caught, Value::List(expected.to_vec()));
    Ok(())
}

#[test]
fn code_that_a_guest_calls_can_call_nobody_within_a_sync_transaction_of_the_supervisor()
-> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let other = serve(&runtime, app("function App:ping() return 'pong' end"))?;
    let class = host_class(move |ctx, method, _args| {
        let (supervisor, other) = (ctx.clone(), other.clone());
        let ask = HostFunction::new("ASK", move |_args| {
            supervisor.storage().transaction_sync(|| {
                supervisor.storage().kv().put("inside", &Value::Int(1))?;
                other.call_blocking("ping", vec![])
            })
        });
        let mut code = app("function App:go() return self.env.ASK() end");
        code.env.insert("ASK", ask);
        match method {
            "go" => facet(ctx, "app", &code)?.call_blocking(method, vec![]),
            _ => Ok(ctx.storage().kv().get("inside")?.unwrap_or(Value::Null)),
        }
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let outcome = stub.call_blocking("go", vec![]);
    assert_fails(outcome, ErrorCode::GuestError, "can't call others");
    assert_eq!(stub.call_blocking("inside", vec![])?, Value::Null);
    Ok(())
}

#[test]
fn other_events_run_while_a_guest_waits_for_the_host() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let gate = parking_lot::Mutex::new((entered, released));
    let wait = HostFunction::new("wait", move |_args| {
        let gate = gate.lock();
        gate.0.send(()).unwrap();
        gate.1.recv().unwrap();
        Ok("released".into())
    });
    let mut code =
        app("function App:wait() return self.env.wait() end function App:ping() return 1 end");
    code.env.insert("wait", wait);
    let stub = own(&runtime, code)?;
    let waiting = std::thread::spawn({
        let stub = stub.clone();
        move || stub.call_blocking("wait", vec![])
    });
    has_entered.recv().unwrap();
    assert_eq!(stub.call_blocking("ping", vec![])?, Value::Int(1));
    release.send(()).unwrap();
    assert_eq!(waiting.join().unwrap()?, Value::from("released"));
    Ok(())
}

fn reaching() -> WorkerCode {
    app("function App:reach(url) local r = fetch(url) return { r.status, r:text() } end")
}

fn reached(status: i32, body: &str) -> Value {
    Value::List(vec![status.into(), body.into()])
}

#[test]
fn an_outbound_handler_gets_every_request_of_the_guest() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let handler =
        |request: Request| Ok(Response::text(format!("{} {}", request.method(), request.url())));
    let code = WorkerCode {
        global_outbound: Outbound::Handler(Arc::new(move |request| {
            Box::pin(async move { handler(request) })
        })),
        ..reaching()
    };
    let answer =
        serve(&runtime, code)?.call_blocking("reach", vec!["http://api.test/x?y".into()])?;
    assert_eq!(answer, reached(200, "GET http://api.test/x?y"));
    Ok(())
}

#[test]
fn an_outbound_function_answers_with_values() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let function = HostFunction::new("outbound", |_args| {
        let mut response = Response::new(418)?;
        response.body = Some(b"teapot".to_vec());
        Ok(response.to_value())
    });
    let code = WorkerCode { global_outbound: Outbound::function(function), ..reaching() };
    let answer = own(&runtime, code)?.call_blocking("reach", vec!["http://api.test/".into()])?;
    assert_eq!(answer, reached(418, "teapot"));
    Ok(())
}

#[test]
fn outbound_requests_may_go_to_an_entrypoint() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let proxy = WorkerCode::luau(
        "local Proxy = WorkerEntrypoint:extend('Proxy')
         function Proxy:fetch(request) return Response.new('via proxy: ' .. request.url) end
         return { default = Proxy }",
    );
    let proxy = runtime.loader().load(proxy)?.get_entrypoint("default", Default::default())?;
    let code = WorkerCode { global_outbound: Outbound::Stub(proxy), ..reaching() };
    let answer = serve(&runtime, code)?.call_blocking("reach", vec!["http://api.test/".into()])?;
    assert_eq!(answer, reached(200, "via proxy: http://api.test/"));
    Ok(())
}

#[test]
fn a_url_that_is_not_absolute_is_refused_before_it_leaves() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = WorkerCode {
        global_outbound: Outbound::Handler(Arc::new(|_request| {
            Box::pin(async { panic!("nothing may arrive here") })
        })),
        ..reaching()
    };
    let stub = own(&runtime, code)?;
    for url in ["/relative", "", "//host/path"] {
        let error = stub.call_blocking("reach", vec![url.into()]).unwrap_err();
        assert_eq!(error.name(), "TypeError", "{url}: {error:?}");
    }
    Ok(())
}

#[test]
fn a_stub_in_env_reaches_another_object() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let tally = app("function App:add(n) self.n = (self.n or 0) + n return self.n end");
    let tally = own(&runtime, tally)?;
    let mut code = app("function App:go() return self.env.TALLY:add(5) end");
    code.env.insert("TALLY", tally.clone());
    let stub = serve(&runtime, code)?;
    stub.call_blocking("go", vec![])?;
    assert_eq!(tally.call_blocking("add", vec![1.into()])?, Value::Int(6));
    assert_fails(tally.call_blocking("nope", vec![]), ErrorCode::NotFound, "nope");
    Ok(())
}

#[test]
fn abort_takes_every_capability_away_at_once() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 60_000), ("subRequests", 1 << 40)])?;
    let calls = Arc::new(AtomicU64::new(0));
    let (counted, (sender, has_begun)) = (calls.clone(), mpsc::channel());
    let sender = parking_lot::Mutex::new(sender);
    let tick = HostFunction::new("tick", move |_args| {
        if counted.fetch_add(1, Ordering::SeqCst) == 100 {
            sender.lock().send(()).unwrap();
        }
        Ok(Value::Null)
    });
    let mut code = app("local CHILD = [[
             local App = DurableObject:extend('App')
             function App:loop() while true do pcall(self.env.tick) end end
             return { App = App }
         ]]
         function App:run()
             local code = { mainModule = 'c.luau', modules = { ['c.luau'] = CHILD }, env = { tick = self.env.tick } }
             local class = self.env.LOADER:load(code):getDurableObjectClass('App')
             return self.ctx.facets:get('child', function() return { class = class } end):loop()
         end
         function App:revoke() self.ctx.facets:abort('child', 'revoked') end");
    code.env.insert("LOADER", runtime.loader());
    code.env.insert("tick", tick);
    let stub = own(&runtime, code)?;
    let running = stub.clone();
    let running = thread::spawn(move || running.call_blocking("run", vec![]));
    has_begun.recv().unwrap();
    stub.call_blocking("revoke", vec![])?;
    let before = calls.load(Ordering::SeqCst);
    assert_fails(running.join().unwrap(), ErrorCode::Aborted, "revoked");
    let after = calls.load(Ordering::SeqCst);
    assert!(after <= before + 1, "{} calls came after the abort", after - before);
    Ok(())
}
