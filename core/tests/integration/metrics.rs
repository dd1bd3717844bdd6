//! Metrics: what a runtime has done, as numbers and as text.

use std::time::Duration;

use facetbox::{
    Alarms, ErrorCode, EventCount, HostFunction, ManualClock, Metrics, Options, Outcome, Request,
    Result, Runtime, WorkerCode,
};

use crate::support::{app, own, patch, runtime_with};

fn events(metrics: &Metrics) -> Vec<(&str, Outcome, u64)> {
    metrics
        .events
        .iter()
        .map(|EventCount { kind, outcome, count }| (*kind, *outcome, *count))
        .collect()
}

#[test]
fn events_are_counted_by_type_and_outcome_and_failures_by_code() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 20)])?;
    let stub = own(
        &runtime,
        app("function App:fetch() return Response.new('') end
             function App:ping() end
             function App:fail() error('no') end
             function App:spin() while true do end end"),
    )?;
    stub.fetch_blocking(Request::get("http://app/")?)?;
    for method in ["ping", "ping", "fail", "spin"] {
        let _ = stub.call_blocking(method, vec![]);
    }
    let metrics = runtime.metrics();
    let expected = [
        ("fetch", Outcome::Ok, 1),
        ("rpc", Outcome::Ok, 2),
        ("rpc", Outcome::Exception, 1),
        ("rpc", Outcome::ExceededCpu, 1),
    ];
    assert_eq!(events(&metrics), expected);
    let errors: Vec<_> = metrics.errors.iter().map(|error| (error.code, error.count)).collect();
    assert_eq!(errors, [(ErrorCode::GuestError, 1), (ErrorCode::LimitCpu, 1)]);
    assert_eq!((metrics.wall_ms.count(), metrics.cpu_ms.count()), (5, 5));
    assert!(metrics.cpu_ms.sum >= 20.0 && metrics.wall_ms.sum >= metrics.cpu_ms.sum, "{metrics:?}");
    // The limit ended one instance, so a second one was never needed.
    assert_eq!((metrics.starts, metrics.loads), (1, 1));
    Ok(())
}

#[test]
fn calls_that_are_given_up_are_counted_as_cancelled() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let silent = HostFunction::new_async("silent", |_args| Box::pin(std::future::pending()));
    let mut code = app("function App:wait() self.env.silent() end");
    code.env.insert("silent", silent);
    let stub = own(&runtime, code)?;
    drop(stub.call("wait", vec![])); // never polled, so never delivered
    let mut call = Box::pin(stub.call("wait", vec![]));
    let polled = async move {
        assert!(futures_lite::future::poll_once(&mut call).await.is_none());
        Ok(())
    };
    runtime.block_on(polled, || Ok(()))?;
    assert_eq!(events(&runtime.metrics()), [("rpc", Outcome::Canceled, 1)]);
    Ok(())
}

/// A runtime in which so many objects have been called once.
fn called(options: Options, objects: u64) -> Result<Runtime> {
    let runtime = Runtime::open_with(options)?;
    let code = app("function App:put() self.ctx.storage.kv:put('k', 1) end");
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    let apps = runtime.namespace("App", class)?;
    for at in 0..objects {
        apps.get_by_name(&at.to_string()).call_blocking("put", vec![])?;
    }
    Ok(runtime)
}

#[test]
fn instances_beyond_the_cap_are_evicted() -> Result<()> {
    let idle_ms = Some(3_600_000);
    let options = Options { max_warm: Some(8), idle_ms, ..Options::default() };
    let metrics = called(options, 9)?.metrics();
    assert!(metrics.evictions > 0, "{metrics:?}");
    assert_eq!((metrics.starts, metrics.hibernations), (9, 0));
    assert_eq!(metrics.warm_actors + metrics.evictions, 9);
    Ok(())
}

#[test]
fn idle_instances_hibernate_and_close_their_databases() -> Result<()> {
    let runtime = called(Options { idle_ms: Some(20), ..Options::default() }, 1)?;
    let begin = std::time::Instant::now();
    while runtime.metrics().hibernations == 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "it never hibernates");
        std::thread::yield_now();
    }
    let metrics = runtime.metrics();
    assert_eq!((metrics.evictions, metrics.warm_actors, metrics.open_databases), (0, 0, 0));
    Ok(())
}

#[test]
fn alarms_are_counted_until_they_are_given_up() -> Result<()> {
    let clock = ManualClock::new(0);
    let options =
        Options { clock: Some(clock.clone()), alarms: Alarms::Manual, ..Options::default() };
    let runtime = Runtime::open_with(options)?;
    let stub = own(
        &runtime,
        app("function App:start() self.ctx.storage:setAlarm(1) end
             function App:alarm() error('no') end"),
    )?;
    stub.call_blocking("start", vec![])?;
    for _ in 0..7 {
        clock.advance(Duration::from_secs(3600));
        assert_eq!(runtime.run_due_alarms()?, 1);
    }
    let metrics = runtime.metrics();
    let alarms = (metrics.alarms_fired, metrics.alarms_retried, metrics.alarms_failed);
    assert_eq!(alarms, (7, 6, 1));
    Ok(())
}

#[test]
fn loads_logs_and_caches_are_counted() -> Result<()> {
    let limits = patch([("logBytes", 100)])?;
    let runtime = Runtime::open_with(Options { limits, ..Options::default() })?;
    let code = app("function App:talk() for _ = 1, 100 do print('0123456789') end end");
    let loader = runtime.loader();
    for _ in 0..3 {
        loader.get("id", || Ok(code.clone()));
    }
    assert!(loader.load(WorkerCode::default()).is_err());
    own(&runtime, code)?.call_blocking("talk", vec![])?;
    let metrics = runtime.metrics();
    assert_eq!((metrics.loads, metrics.cache_hits), (2, 2));
    // Two lines of 10 bytes fit, and what each counts beside its text.
    assert_eq!(metrics.log_bytes, 20);
    Ok(())
}

#[test]
fn the_text_is_what_prometheus_reads() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, app("function App:ping() end function App:fail() error('no') end"))?;
    stub.call_blocking("ping", vec![])?;
    let _ = stub.call_blocking("fail", vec![]);
    let text = runtime.metrics_text();
    for line in [
        "# TYPE facetbox_events_total counter",
        "facetbox_events_total{type=\"rpc\",outcome=\"ok\"} 1",
        "facetbox_errors_total{code=\"GUEST_ERROR\"} 1",
        "# TYPE facetbox_event_wall_seconds histogram",
        "facetbox_event_wall_seconds_bucket{le=\"+Inf\"} 2",
        "facetbox_event_wall_seconds_count 2",
        "facetbox_starts_total 1",
        "# TYPE facetbox_warm_actors gauge",
        "facetbox_warm_actors 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
    }
    let mut names = std::collections::HashSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, number) = line.rsplit_once(' ').expect("a series and a number");
        assert!(number.parse::<f64>().is_ok(), "{line}");
        assert!(names.insert(series), "{series} is there twice");
    }
    Ok(())
}
