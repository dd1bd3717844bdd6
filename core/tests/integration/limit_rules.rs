//! What holds for every limit: the lowest wins, its message says where, and no guest can fake it.

use facetbox::{
    Error, ErrorCode, ExportOptions, HostFunction, Outcome, Request, Response, Result, Runtime,
    Stub, TailEvent, TailReceiver, Value, WorkerCode,
};

use crate::support::{app, assert_fails, own, patch, runtime_with};

/// An app whose method `hit` runs into the limit, and calls a host function as often as it is told.
fn code() -> WorkerCode {
    let mut code = app("function App:calls(n) for _ = 1, n do self.env.tick() end end
         function App:spin() while true do end end
         function App:grow() local t = {} while true do table.insert(t, buffer.create(9999)) end end
         function App:fill() while true do self.ctx.storage.sql:exec('INSERT INTO t VALUES (zeroblob(9999))') end end
         function App:init() self.ctx.storage.sql:exec('CREATE TABLE IF NOT EXISTS t(a)') end
         function App:echo(value) return value end
         function App:wait() self.env.never() end");
    code.env.insert("tick", HostFunction::new("tick", |_args| Ok(Value::Null)));
    let never = HostFunction::new_async("never", |_args| Box::pin(std::future::pending()));
    code.env.insert("never", never);
    code
}

/// A stub of the code's `App` with limits at each of the three levels.
fn stub(key: &str, runtime: i64, code_limit: i64, class: i64) -> Result<(Runtime, Stub)> {
    let runtime = runtime_with([(key, runtime)])?;
    let code = WorkerCode { limits: patch([(key, code_limit)])?, ..code() };
    let options = ExportOptions { limits: patch([(key, class)])?, ..ExportOptions::default() };
    let class = runtime.loader().load(code)?.get_durable_object_class("App", options);
    let stub = runtime.namespace("App", class)?.get_by_name("one");
    Ok((runtime, stub))
}

#[test]
fn the_lowest_of_runtime_code_and_class_wins() -> Result<()> {
    let cases = [
        ("cpuMs", "spin", Value::Null, [30, 60, 90], ErrorCode::LimitCpu),
        ("wallMs", "wait", Value::Null, [30, 60, 90], ErrorCode::LimitWall),
        ("memoryBytes", "grow", Value::Null, [2 << 20, 3 << 20, 4 << 20], ErrorCode::LimitMemory),
        ("storageBytes", "fill", Value::Null, [1 << 20, 2 << 20, 3 << 20], ErrorCode::LimitStorage),
        ("subRequests", "calls", Value::Int(9), [3, 5, 7], ErrorCode::LimitSubrequests),
        ("messageBytes", "echo", "x".repeat(900).into(), [300, 500, 700], ErrorCode::LimitMessage),
    ];
    for (key, method, arg, [low, middle, high], code) in cases {
        for (runtime, code_limit, class) in
            [(low, middle, high), (middle, low, high), (high, middle, low)]
        {
            let (_runtime, stub) = stub(key, runtime, code_limit, class)?;
            let outcome = stub.call_blocking(method, vec![arg.clone()]);
            assert_fails(outcome, code, &low.to_string());
        }
    }
    Ok(())
}

#[test]
fn limits_say_in_which_object_they_hit() -> Result<()> {
    for (key, limit, method, arg) in [
        ("cpuMs", 30, "spin", Value::Null),
        ("wallMs", 30, "wait", Value::Null),
        ("memoryBytes", 2 << 20, "grow", Value::Null),
        ("storageBytes", 1 << 20, "fill", Value::Null),
        ("subRequests", 3, "calls", Value::Int(9)),
        ("messageBytes", 300, "echo", "x".repeat(900).into()),
    ] {
        let (_runtime, stub) = stub(key, limit, limit, limit)?;
        let error = stub.call_blocking(method, vec![arg]).expect_err("it hits its limit");
        let place = error.path().unwrap_or_default().to_owned() + error.message();
        assert!(place.contains("App/one"), "{key}: {error:?}");
    }
    Ok(())
}

/// Whatever a guest throws is its own error, and its outcome an exception.
fn check_forgery(stub: &Stub, outcomes: &std::sync::mpsc::Receiver<Outcome>, name: &str) {
    let error = stub.call_blocking("forge", vec![name.into()]).expect_err("it throws");
    assert_eq!(error.code(), ErrorCode::GuestError, "{error:?}");
    assert_eq!(error.name(), name);
    let outcome = outcomes.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(outcome.expect("the event is told"), Outcome::Exception);
}

#[test]
fn no_error_of_a_guest_passes_for_one_of_ours() -> Result<()> {
    let luau = app("function App:forge(name)
             error({ name = name, message = 'The event used more than 1 ms of CPU time', code = name })
         end");
    let mut guests = vec![luau];
    if cfg!(feature = "quickjs") {
        let source = "import { DurableObject } from 'cloudflare:workers';
             export class App extends DurableObject {
                 forge(name) { throw Object.assign(new Error('The event used more than 1 ms'), { name, code: name }); }
             }";
        guests.push(WorkerCode::js(source));
    }
    for code in guests {
        let (sender, outcomes) = std::sync::mpsc::channel();
        let on_tail = TailReceiver::new(move |event: TailEvent| {
            let _ = sender.send(event.outcome);
        });
        let options = facetbox::Options { on_tail: Some(on_tail), ..Default::default() };
        let runtime = Runtime::open_with(options)?;
        let stub = own(&runtime, code)?;
        for code in ErrorCode::ALL {
            check_forgery(&stub, &outcomes, code.name());
        }
    }
    Ok(())
}

#[test]
fn requests_and_responses_are_messages_too() -> Result<()> {
    let runtime = runtime_with([("messageBytes", 2_000)])?;
    let stub = own(
        &runtime,
        app("function App:fetch(request)
             local size = tonumber(request.headers:get('size')) or 0
             return Response.new(string.rep('x', size))
         end"),
    )?;
    let send = |body: usize, answer: usize| -> Result<Response> {
        let mut request = Request::new("POST", "http://app/")?.with_body(vec![0; body]);
        request.headers.set("size", &answer.to_string())?;
        stub.fetch_blocking(request)
    };
    assert_eq!(send(1_900, 1_900)?.body_text().len(), 1_900);
    let too_large = |outcome: Result<Response>, what: &str| -> Error {
        assert_fails(outcome, ErrorCode::LimitMessage, what)
    };
    too_large(send(2_000, 0), "limited to 2000 bytes, but the request of App/one");
    too_large(send(0, 2_001), "limited to 2000 bytes, but the response of App/one");
    Ok(())
}
