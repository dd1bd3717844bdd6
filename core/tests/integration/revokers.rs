//! Capabilities that their giver takes back.

use std::future::pending;
use std::sync::{Arc, mpsc};
use std::thread;

use facetbox::{
    ErrorCode, ExportOptions, HostFunction, HostObject, Options, Outbound, Response, Result,
    Revoker, Runtime, Stub, TailReceiver, Value, ValueMap, no_such_method,
};

use crate::support::{app, assert_fails, counter, own, serve};

/// The object "one" of an app whose `env` has each kind of what can be revoked.
fn with_env(runtime: &Runtime, revoker: &Revoker) -> Result<Stub> {
    let mut code = app("function App:function_() return self.env.twice(21) end
         function App:object() return self.env.tools.store:get() end
         function App:stub() return self.env.counter:count() end
         function App:caught() return select(2, pcall(self.env.twice, 1)).message end
         function App:data() return self.env.tools.data end");
    let twice =
        HostFunction::new("twice", |args| Ok((2 * args[0].as_i64().unwrap_or_default()).into()));
    let store = HostObject::new("Store", |method, _| match method {
        "get" => Ok("kept".into()),
        _ => Err(no_such_method(method)),
    });
    let tools = ValueMap::from_iter([("store", Value::from(store)), ("data", "data".into())]);
    code.env.insert("twice", twice);
    code.env.insert("tools", tools);
    code.env.insert("counter", serve(runtime, counter())?);
    let Value::Map(env) = revoker.wrap(Value::Map(code.env))? else { unreachable!() };
    code.env = env;
    own(runtime, code)
}

#[test]
fn what_was_wrapped_works_until_it_is_revoked() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let revoker = Revoker::new();
    let stub = with_env(&runtime, &revoker)?;
    let call = |method: &str| stub.call_blocking(method, vec![]);
    assert_eq!(call("function_")?, 42.into());
    assert_eq!(call("object")?, "kept".into());
    assert_eq!(call("stub")?, 0.into());

    assert!(!revoker.is_revoked());
    revoker.revoke();
    assert!(revoker.is_revoked());
    assert_fails(call("function_"), ErrorCode::Aborted, "The function \"twice\" was revoked.");
    assert_fails(call("object"), ErrorCode::Aborted, "The object \"Store\" was revoked.");
    assert_fails(call("stub"), ErrorCode::Aborted, "The stub was revoked.");
    assert_eq!(call("caught")?, "The function \"twice\" was revoked.".into());
    assert_eq!(call("data")?, "data".into());
    let counter = runtime.get_namespace("Forwarder")?.get_by_name("one");
    assert_eq!(counter.call_blocking("count", vec![])?, 0.into());
    Ok(())
}

#[test]
fn whoever_got_it_from_the_guest_loses_it_too() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let revoker = Revoker::new();
    let friend = own(
        &runtime,
        app("function App:keep(f) self.f = f end
             function App:use() return self.f() end"),
    )?;
    let mut code = app("function App:share() self.env.friend:keep(self.env.secret) end
         function App:give() return self.env.secret end");
    code.env.insert("friend", friend.clone());
    let secret = HostFunction::new("secret", |_| Ok(7.into())).with_origin(Arc::new(1));
    code.env.insert("secret", revoker.wrap(secret.into())?);
    let giver = runtime
        .namespace(
            "Giver",
            runtime.loader().load(code)?.get_durable_object_class("App", ExportOptions::default()),
        )?
        .get_by_name("one");
    giver.call_blocking("share", vec![])?;
    let given = giver.call_blocking("give", vec![])?;
    assert_eq!(friend.call_blocking("use", vec![])?, 7.into());

    revoker.revoke();
    assert_fails(friend.call_blocking("use", vec![]), ErrorCode::Aborted, "revoked");
    let Value::Function(given) = given else { panic!("{given:?}") };
    assert!(given.origin().is_none(), "the host would pass on what was wrapped");
    Ok(())
}

#[test]
fn calls_on_their_way_end() -> Result<()> {
    let (tell, tails) = mpsc::channel();
    let runtime = Runtime::open_with(Options {
        on_tail: Some(TailReceiver::new(move |event| {
            let _ = tell.send(event.outcome);
        })),
        ..Options::default()
    })?;
    let revoker = Revoker::new();
    let (asked, asks) = mpsc::channel();
    let ask = HostFunction::new_async("ask", move |_| {
        let _ = asked.send(());
        Box::pin(pending())
    });
    let mut code = app("function App:wait() return self.env.ask() end");
    code.env.insert("ask", revoker.wrap(ask.into())?);
    let stub = own(&runtime, code)?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stub.call_blocking("wait", vec![]));
        asks.recv().expect("the guest asks");
        revoker.revoke();
        let answer = waiting.join().expect("no panic");
        assert_fails(answer, ErrorCode::Aborted, "The function \"ask\" was revoked.");
    });
    // Nothing was aborted: the guest was refused something.
    assert_eq!(tails.recv().expect("an event").as_str(), "exception");
    Ok(())
}

#[test]
fn a_network_that_is_a_function_can_be_revoked() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let revoker = Revoker::new();
    let mut code = app("function App:get(url) return fetch(url):text() end");
    let network = HostFunction::new("network", |args| match &args[..] {
        [Value::Request(request)] => Ok(Response::text(request.url()).into()),
        other => panic!("{other:?}"),
    });
    code.global_outbound = Outbound::from_value(revoker.wrap(network.into())?)?;
    let stub = own(&runtime, code)?;
    let get = || stub.call_blocking("get", vec!["http://a/".into()]);
    assert_eq!(get()?, "http://a/".into());
    revoker.revoke();
    assert_fails(get(), ErrorCode::Aborted, "The function \"network\" was revoked.");
    Ok(())
}

#[test]
fn the_network_can_be_revoked() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let revoker = Revoker::new();
    let mut code = app("function App:get() return fetch('http://elsewhere/'):text() end");
    let Value::Stub(net) = revoker.wrap(serve(&runtime, counter())?.into())? else {
        unreachable!()
    };
    code.global_outbound = Outbound::Stub(net);
    let stub = own(&runtime, code)?;
    assert_eq!(stub.call_blocking("get", vec![])?, "You've made 1 requests.\n".into());
    revoker.revoke();
    assert_fails(stub.call_blocking("get", vec![]), ErrorCode::Aborted, "The stub was revoked.");
    Ok(())
}

#[test]
fn each_of_several_revokers_takes_it_back() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(&runtime, counter())?;
    for revoked in 0..2 {
        let revokers = [Revoker::new(), Revoker::new()];
        let wrapped = revokers[1].wrap(revokers[0].wrap(stub.clone().into())?)?;
        let Value::Stub(stub) = wrapped else { unreachable!() };
        assert_eq!(stub.call_blocking("count", vec![])?, 0.into());
        revokers[revoked].revoke();
        assert_fails(stub.call_blocking("count", vec![]), ErrorCode::Aborted, "revoked");
    }
    Ok(())
}

#[test]
fn what_cannot_be_taken_back_is_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let revoker = Revoker::new();
    let refused = |value: Value, what: &str| {
        let inside = Value::List(vec![value]);
        assert_fails(revoker.wrap(inside), ErrorCode::InvalidArgument, what);
    };
    refused(runtime.loader().into(), "A loader can't be revoked");
    let class =
        runtime.loader().load(counter())?.get_durable_object_class("App", ExportOptions::default());
    refused(class.clone().into(), "A class can't be revoked");
    refused(runtime.namespace("App", class)?.into(), "A namespace can't be revoked");
    Ok(())
}

#[test]
fn nothing_that_stands_in_a_container_is_left_out() -> Result<()> {
    let revoker = Revoker::new();
    let function = || Value::from(HostFunction::new("f", |_| Ok(Value::Null)));
    let containers = [
        Value::List(vec![function()]),
        Value::Set(vec![function()]),
        Value::Map(ValueMap::from_iter([("f", function())])),
        Value::Dict(vec![(function(), function())]),
    ];
    revoker.revoke();
    for container in containers {
        let inside = match revoker.wrap(Value::List(vec![container]))? {
            Value::List(mut items) => match items.remove(0) {
                Value::List(inside) | Value::Set(inside) => inside,
                Value::Map(map) => map.into_iter().map(|(_, value)| value).collect(),
                Value::Dict(entries) => entries.into_iter().flat_map(|(k, v)| [k, v]).collect(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        for value in inside {
            let Value::Function(function) = value else { panic!("{value:?}") };
            let answer = futures_lite::future::block_on(function.call(vec![]));
            assert_fails(answer, ErrorCode::Aborted, "was revoked");
        }
    }
    Ok(())
}
