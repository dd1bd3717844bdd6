//! Tail events: what the runtime's receiver and the `tails` of a WorkerCode are told.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use facetbox::{
    Class, ErrorCode, HostFunction, LogLevel, ManualClock, Options, Outcome, Request, Result,
    Runtime, Tail, TailEvent, TailInfo, TailReceiver, Value, WorkerCode,
};

use crate::support::{app, assert_fails, facet, host_class, own, patch, serve};

/// Options of a runtime whose tail events come out of the channel.
fn listening() -> (Options, Receiver<TailEvent>) {
    let (sender, receiver) = channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    (Options { on_tail: Some(on_tail), ..Options::default() }, receiver)
}

fn next(events: &Receiver<TailEvent>) -> TailEvent {
    events.recv_timeout(Duration::from_secs(20)).expect("an event is told")
}

fn rpc(method: &str) -> TailInfo {
    TailInfo::Rpc { method: method.into() }
}

fn logs(event: &TailEvent) -> Vec<(LogLevel, &str)> {
    event.logs.iter().map(|log| (log.level, log.message.as_str())).collect()
}

#[test]
fn a_facets_event_tells_where_it_was_what_it_logged_and_how_it_ended() -> Result<()> {
    let (options, events) = listening();
    let clock = ManualClock::new(1_000);
    let runtime = Runtime::open_with(Options { clock: Some(clock), ..options })?;
    let stub = serve(
        &runtime,
        app("function App:greet(name)
                 print('hello', name)
                 console.warn({ a = 1 })
                 return 'done'
             end"),
    )?;
    stub.call_blocking("greet", vec!["you".into()])?;
    let app = next(&events);
    assert_eq!(app.namespace.as_deref(), Some("Forwarder"));
    assert_eq!(app.object_id, stub.id().map(ToString::to_string));
    assert_eq!(app.object_name.as_deref(), Some("one"));
    assert_eq!((app.facets.as_slice(), app.entrypoint.as_str()), (&["app".to_owned()][..], "App"));
    assert_eq!((&app.event, app.outcome, app.timestamp), (&rpc("greet"), Outcome::Ok, 1_000));
    assert_eq!(logs(&app), [(LogLevel::Log, "hello you"), (LogLevel::Warn, "{\"a\":1}")]);
    assert!(app.exceptions.is_empty() && !app.truncated && app.dropped == 0);
    assert!(app.cpu_ms > 0.0 && app.cpu_ms <= app.wall_ms, "{app:?}");
    let root = next(&events);
    assert_eq!((root.facets.len(), root.cpu_ms, root.subrequests), (0, 0.0, 1));
    assert_eq!((&root.event, root.entrypoint.as_str()), (&rpc("greet"), "Forwarder"));
    Ok(())
}

#[test]
fn a_request_is_told_with_its_url_and_the_status_of_its_answer() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let code = "function App:fetch() return Response.new('', { status = 404 }) end";
    own(&runtime, app(code))?.fetch_blocking(Request::get("http://app/path?q=1")?)?;
    let fetch = TailInfo::Fetch {
        method: "GET".into(),
        url: "http://app/path?q=1".into(),
        status: Some(404),
    };
    assert_eq!(next(&events).event, fetch);
    Ok(())
}

#[test]
fn an_uncaught_error_is_told_where_it_was_thrown_and_where_it_passed() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let stub = serve(
        &runtime,
        app("function App:fail() error({ name = 'RangeError', message = 'too far' }) end"),
    )?;
    assert_fails(stub.call_blocking("fail", vec![]), ErrorCode::GuestError, "too far");
    for place in [1, 0] {
        let event = next(&events);
        assert_eq!((event.facets.len(), event.outcome), (place, Outcome::Exception));
        let [exception] = event.exceptions.as_slice() else { panic!("{event:?}") };
        assert_eq!((&*exception.name, &*exception.message), ("RangeError", "too far"));
        let stack = exception.stack.as_deref().unwrap_or_default();
        assert!(stack.starts_with("main.luau:"), "{stack}");
    }
    Ok(())
}

#[test]
fn a_limit_is_the_outcome_where_it_hit_and_an_exception_above() -> Result<()> {
    let silent = HostFunction::new_async("silent", |_args| Box::pin(std::future::pending()));
    let mut code = app("function App:spin() while true do end end
         function App:wait() self.env.silent() end
         function App:grow() local t = {} while true do table.insert(t, buffer.create(9999)) end end
         function App:abort() self.ctx:abort('enough') end");
    code.env.insert("silent", silent);
    let class =
        host_class(move |ctx, method, args| facet(ctx, "app", &code)?.call_blocking(method, args));
    // Each has a limit of its own: on a busy computer an event may take long for little CPU time.
    let cases = [
        ("spin", ("cpuMs", 30), Outcome::ExceededCpu),
        ("grow", ("memoryBytes", 4 << 20), Outcome::ExceededMemory),
        ("wait", ("wallMs", 100), Outcome::ExceededWallTime),
        ("abort", ("cpuMs", 1_000), Outcome::Aborted),
    ];
    for (method, limit, outcome) in cases {
        let (options, events) = listening();
        let runtime = Runtime::open_with(Options { limits: patch([limit])?, ..options })?;
        let stub = runtime.namespace("Host", class.clone())?.get_by_name("one");
        assert!(stub.call_blocking(method, vec![]).is_err());
        let app = next(&events);
        assert_eq!((&app.event, app.outcome), (&rpc(method), outcome));
        assert_eq!(next(&events).outcome, Outcome::Exception);
    }
    Ok(())
}

#[test]
fn a_call_that_nobody_waits_for_any_more_is_told_as_cancelled() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let silent = HostFunction::new_async("silent", |_args| Box::pin(std::future::pending()));
    let mut code = app("function App:wait() print('before') self.env.silent() end");
    code.env.insert("silent", silent);
    let stub = own(&runtime, code)?;
    let mut call = Box::pin(stub.call("wait", vec![]));
    let polled = async move {
        assert!(futures_lite::future::poll_once(&mut call).await.is_none());
        Ok(())
    };
    runtime.block_on(polled, || Ok(()))?;
    let event = next(&events);
    assert_eq!((event.outcome, logs(&event)), (Outcome::Canceled, vec![(LogLevel::Log, "before")]));
    Ok(())
}

#[test]
fn work_that_was_left_behind_and_alarms_are_events_of_their_own() -> Result<()> {
    let (options, events) = listening();
    let clock = ManualClock::new(1_000);
    let options =
        Options { clock: Some(clock.clone()), alarms: facetbox::Alarms::Manual, ..options };
    let runtime = Runtime::open_with(options)?;
    let stub = own(
        &runtime,
        app("function App:start()
                 self.ctx.storage:setAlarm(2000)
                 self.ctx:waitUntil(function() print('later') error('in the background') end)
             end
             function App:alarm(info) print('ring') error('in the alarm') end"),
    )?;
    stub.call_blocking("start", vec![])?;
    assert_eq!(next(&events).outcome, Outcome::Ok);
    let task = next(&events);
    assert_eq!((&task.event, task.outcome), (&TailInfo::Task, Outcome::Exception));
    assert_eq!(logs(&task), [(LogLevel::Log, "later")]);
    assert_eq!(task.exceptions[0].message, "main.luau:4: in the background");
    clock.set_ms(2_000);
    assert_eq!(runtime.run_due_alarms()?, 1);
    let alarm = next(&events);
    let info = TailInfo::Alarm { scheduled_time: 2_000, retry_count: 0 };
    assert_eq!((&alarm.event, alarm.outcome, alarm.timestamp), (&info, Outcome::Exception, 2_000));
    assert_eq!(logs(&alarm), [(LogLevel::Log, "ring")]);
    assert_eq!(alarm.exceptions[0].message, "main.luau:6: in the alarm");
    Ok(())
}

#[test]
fn a_log_that_is_too_long_is_cut_with_a_mark() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(Options { limits: patch([("logBytes", 1000)])?, ..options })?;
    let stub = own(
        &runtime,
        app("function App:talk(times, length)
                 for _ = 1, times do print(string.rep('x', length)) end
             end"),
    )?;
    stub.call_blocking("talk", vec![1.into(), 968.into()])?;
    let whole = next(&events);
    assert_eq!((whole.logs.len(), whole.truncated), (1, false));
    for (times, length, kept) in [(1, 969, 0), (50, 400, 2), (100_000, 0, 31)] {
        stub.call_blocking("talk", vec![times.into(), length.into()])?;
        let cut = next(&events);
        assert_eq!((cut.logs.len(), cut.truncated), (kept + 1, true));
        let mark = &cut.logs[kept];
        assert_eq!(mark.level, LogLevel::Warn);
        assert!(mark.message.contains("1000 bytes, the limit logBytes of App/one"), "{mark:?}");
    }
    Ok(())
}

#[test]
fn what_the_constructor_logs_belongs_to_the_event_that_starts_it() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let code = "function App:init() print('starting') end function App:ping() print('ping') end";
    let stub = own(&runtime, app(code))?;
    stub.call_blocking("ping", vec![])?;
    stub.call_blocking("ping", vec![])?;
    let (starting, ping) = ((LogLevel::Log, "starting"), (LogLevel::Log, "ping"));
    assert_eq!(logs(&next(&events)), [starting, ping]);
    assert_eq!(logs(&next(&events)), [ping]);
    Ok(())
}

#[test]
fn a_slow_receiver_delays_nothing_and_learns_how_much_it_missed() -> Result<()> {
    let (sender, received) = channel();
    let (open, gate) = channel::<()>();
    let (here, arrived) = channel();
    let gate = std::sync::Mutex::new(gate);
    let on_tail = TailReceiver::new(move |event: TailEvent| {
        let _ = here.send(());
        // The first event is held until the gate is open; afterwards nothing waits.
        let _ = gate.lock().map(|gate| gate.recv());
        drop(sender.send(event));
    });
    let runtime = Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() })?;
    let stub = own(&runtime, app("function App:ping() end"))?;
    let calls = 3_000;
    // Before the receiver has taken its first events, what is dropped would be told while it is held.
    stub.call_blocking("ping", vec![])?;
    arrived.recv().expect("the receiver runs");
    for _ in 0..calls {
        stub.call_blocking("ping", vec![])?;
    }
    drop(open);
    let mut told = 0;
    let last = loop {
        let event = next(&received);
        told += 1;
        if event.dropped > 0 {
            break event;
        }
        if told as u64 >= 1_024 {
            stub.call_blocking("ping", vec![])?;
        }
    };
    assert!(last.dropped >= calls - 1_024 - 64 - 1, "{} dropped", last.dropped);
    Ok(())
}

#[test]
fn closing_delivers_what_is_left() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let stub = own(&runtime, app("function App:ping() end"))?;
    for _ in 0..100 {
        stub.call_blocking("ping", vec![])?;
    }
    runtime.close();
    assert_eq!(events.try_iter().count(), 100);
    Ok(())
}

/// A stub of an entrypoint that keeps what it is told, and shows it through `get`.
fn collector(runtime: &Runtime) -> Result<(Tail, facetbox::Stub)> {
    let code = WorkerCode::luau(
        "local Store = DurableObject:extend('Store')
         function Store:tail(events)
             for _, event in events do
                 self.ctx.storage.kv:put(`{event.event.rpcMethod}`, event)
             end
         end
         function Store:get(method) return self.ctx.storage.kv:get(method) end
         return { Store = Store }",
    );
    let class = runtime.loader().load(code)?.get_durable_object_class("Store", Default::default());
    let stub = runtime.namespace("Store", class)?.get_by_name("one");
    Ok((Tail::Stub(stub.clone()), stub))
}

fn eventually(stub: &facetbox::Stub, method: &str) -> Result<Value> {
    let begin = std::time::Instant::now();
    loop {
        let value = stub.call_blocking("get", vec![method.into()])?;
        if !value.is_nullish() {
            return Ok(value);
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{method} is never told");
        std::thread::yield_now();
    }
}

#[test]
fn the_tails_of_code_are_called_with_items_as_cloudflares() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (tail, store) = collector(&runtime)?;
    let mut code = app("function App:greet() print('hello') error('oh') end");
    code.tails = vec![tail];
    let stub = own(&runtime, code)?;
    assert!(stub.call_blocking("greet", vec![]).is_err());
    let item = eventually(&store, "greet")?;
    let field = |name: &str| item.as_map().and_then(|map| map.get(name)).cloned();
    assert_eq!(field("outcome"), Some("exception".into()));
    assert_eq!(field("durableObjectId"), stub.id().map(|id| id.to_string().into()));
    assert_eq!(field("entrypoint"), Some("App".into()));
    let logs = field("logs").unwrap_or_default();
    let log = logs.as_list().and_then(|logs| logs[0].as_map()).expect("a log");
    assert_eq!(log.get("level"), Some(&"log".into()));
    assert_eq!(log.get("message"), Some(&Value::List(vec!["hello".into()])));
    Ok(())
}

#[test]
fn functions_of_the_host_and_host_classes_may_be_tails() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let (sender, told) = channel();
    let function = HostFunction::new("told", {
        let sender = sender.clone();
        move |args| {
            let _ = sender.send(args);
            Ok(Value::Null)
        }
    });
    let host = host_class(move |_ctx, method, args| {
        assert_eq!(method, "tail");
        let _ = sender.send(args);
        Ok(Value::Null)
    });
    let host: Class = host;
    let host = runtime.namespace("Host", host)?.get_by_name("one");
    let mut code = app("function App:ping() end");
    code.tails = vec![Tail::Function(function), Tail::Stub(host)];
    own(&runtime, code)?.call_blocking("ping", vec![])?;
    for _ in ["function", "host class"] {
        let args = told.recv_timeout(Duration::from_secs(20)).expect("an event is told");
        let items = args[0].as_list().expect("a list");
        let kind = items[0].as_map().and_then(|item| item.get("eventType"));
        assert_eq!((args.len(), items.len(), kind), (1, 1, Some(&"rpc".into())));
    }
    let kinds = [next(&events), next(&events)].map(|event| event.event);
    assert_eq!(kinds, [rpc("ping"), TailInfo::Tail { consumed: vec!["App".into()] }]);
    Ok(())
}

#[test]
fn code_that_is_its_own_tail_does_not_hear_of_its_deliveries() -> Result<()> {
    let (options, events) = listening();
    let runtime = Runtime::open_with(options)?;
    let code = WorkerCode::luau(
        "local Main = WorkerEntrypoint:extend('Main')
         function Main:ping() end
         function Main:tail(events) end
         return { default = Main }",
    );
    let inner = runtime.loader().load(code.clone())?;
    let tail = Tail::Stub(inner.get_entrypoint("default", Default::default())?);
    let outer = runtime.loader().load(WorkerCode { tails: vec![tail], ..code })?;
    let tail = Tail::Stub(outer.get_entrypoint("default", Default::default())?);
    let code = WorkerCode { tails: vec![tail], ..app("function App:ping() end") };
    own(&runtime, code)?.call_blocking("ping", vec![])?;
    assert_eq!(next(&events).event, rpc("ping"));
    let delivery = next(&events);
    assert_eq!(delivery.event.kind(), "tail");
    assert_eq!((delivery.namespace, delivery.object_id), (None, None));
    runtime.close();
    assert_eq!(events.try_iter().count(), 0);
    Ok(())
}

#[test]
fn tails_that_are_no_stubs_or_functions_are_refused() {
    for (tails, part) in [
        (Value::Int(1), "must be a list, got integer"),
        (Value::List(vec!["x".into()]), "tails[0] must be a stub or a function"),
    ] {
        let code =
            Value::Map([("mainModule", "a.luau".into()), ("tails", tails)].into_iter().collect());
        assert_fails(WorkerCode::from_value(code), ErrorCode::InvalidArgument, part);
    }
}
