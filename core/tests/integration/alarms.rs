//! Alarms by a clock that the test moves.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use facetbox::{
    AlarmInfo, Alarms, Class, Ctx, DurableObject, Error, ErrorCode, ManualClock, Options, Result,
    Runtime, Value,
};

use crate::support::{app, serve};

const START: i64 = 1_000_000;

fn open(path: Option<&Path>, clock: &ManualClock) -> Result<Runtime> {
    Runtime::open_with(Options {
        path: path.map(Into::into),
        clock: Some(clock.clone()),
        alarms: Alarms::Manual,
        ..Options::default()
    })
}

/// Records its runs; fails as often as it is told.
struct Alarmed {
    ctx: Ctx,
    runs: Arc<Mutex<Vec<(i64, u32)>>>,
    failures: Arc<AtomicU32>,
}

impl DurableObject for Alarmed {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let storage = self.ctx.storage();
        match (method, args.as_slice()) {
            ("set", [Value::Int(time)]) => storage.set_alarm(*time)?,
            ("delete", []) => storage.delete_alarm()?,
            ("get", []) => {}
            _ => return Err(facetbox::no_such_method(method)),
        }
        Ok(storage.get_alarm()?.into())
    }

    fn alarm(&self, info: AlarmInfo) -> Result<()> {
        assert_eq!(self.ctx.storage().get_alarm()?, None);
        self.runs.lock().unwrap().push((info.scheduled_time, info.retry_count));
        let left = self.failures.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(());
        }
        self.failures.store(left - 1, Ordering::Relaxed);
        Err(Error::guest("Error", "not yet"))
    }
}

#[derive(Default, Clone)]
struct Record {
    runs: Arc<Mutex<Vec<(i64, u32)>>>,
    failures: Arc<AtomicU32>,
}

impl Record {
    fn class(&self) -> Class {
        let Record { runs, failures } = self.clone();
        Class::host("Alarmed", move |ctx, _env| {
            Ok(Alarmed { ctx, runs: runs.clone(), failures: failures.clone() })
        })
    }

    fn runs(&self) -> Vec<(i64, u32)> {
        self.runs.lock().unwrap().clone()
    }
}

#[test]
fn an_alarm_fires_once_when_its_time_has_come() -> Result<()> {
    let (clock, record) = (ManualClock::new(START), Record::default());
    let runtime = open(None, &clock)?;
    let stub = runtime.namespace("Alarmed", record.class())?.get_by_name("one");
    assert_eq!(stub.call_blocking("set", vec![(START + 500).into()])?, Value::Int(START + 500));
    assert_eq!(runtime.run_due_alarms()?, 0);
    clock.advance(Duration::from_millis(500));
    assert_eq!(runtime.run_due_alarms()?, 1);
    assert_eq!(runtime.run_due_alarms()?, 0);
    assert_eq!(record.runs(), [(START + 500, 0)]);
    assert_eq!(stub.call_blocking("get", vec![])?, Value::Null);
    Ok(())
}

#[test]
fn failures_are_tried_again_six_times_with_growing_delays() -> Result<()> {
    let (clock, record) = (ManualClock::new(START), Record::default());
    record.failures.store(100, Ordering::Relaxed);
    let runtime = open(None, &clock)?;
    let stub = runtime.namespace("Alarmed", record.class())?.get_by_name("one");
    stub.call_blocking("set", vec![START.into()])?;
    assert_eq!(runtime.run_due_alarms()?, 1);
    for delay in [2_000, 4_000, 8_000, 16_000, 32_000, 64_000u64] {
        clock.advance(Duration::from_millis(delay - 1));
        assert_eq!(runtime.run_due_alarms()?, 0, "not before {delay} ms");
        assert_eq!(stub.call_blocking("get", vec![])?, Value::Int(START));
        clock.advance(Duration::from_millis(delay / 4 + 1));
        assert_eq!(runtime.run_due_alarms()?, 1, "at most a quarter after {delay} ms");
    }
    let expected: Vec<_> = (0..7).map(|retry| (START, retry)).collect();
    assert_eq!(record.runs(), expected);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(runtime.run_due_alarms()?, 0);
    assert_eq!(stub.call_blocking("get", vec![])?, Value::Null);
    Ok(())
}

#[test]
fn retries_go_on_after_a_restart_where_they_stopped() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (clock, record) = (ManualClock::new(START), Record::default());
    record.failures.store(2, Ordering::Relaxed);
    for (step, fired) in [(0, 1), (3, 1), (6, 1), (3_600, 0)] {
        clock.advance(Duration::from_secs(step));
        let runtime = open(Some(dir.path()), &clock)?;
        let namespace = runtime.namespace("Alarmed", record.class())?;
        if step == 0 {
            namespace.get_by_name("one").call_blocking("set", vec![START.into()])?;
        }
        assert_eq!(runtime.run_due_alarms()?, fired, "after {step} s");
        runtime.close();
    }
    assert_eq!(record.runs(), [(START, 0), (START, 1), (START, 2)]);
    Ok(())
}

#[test]
fn an_overdue_alarm_waits_for_its_namespace_and_fires_once() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (clock, record) = (ManualClock::new(START), Record::default());
    let runtime = open(Some(dir.path()), &clock)?;
    let namespace = runtime.namespace("Alarmed", record.class())?;
    namespace.get_by_name("one").call_blocking("set", vec![(START + 10).into()])?;
    runtime.close();
    clock.advance(Duration::from_secs(1));
    let runtime = open(Some(dir.path()), &clock)?;
    assert_eq!(runtime.run_due_alarms()?, 0);
    runtime.namespace("Alarmed", record.class())?;
    assert_eq!(runtime.run_due_alarms()?, 1);
    assert_eq!(record.runs(), [(START + 10, 0)]);
    Ok(())
}

#[test]
fn a_deleted_alarm_does_not_fire() -> Result<()> {
    let (clock, record) = (ManualClock::new(START), Record::default());
    let runtime = open(None, &clock)?;
    let stub = runtime.namespace("Alarmed", record.class())?.get_by_name("one");
    stub.call_blocking("set", vec![(START + 10).into()])?;
    assert_eq!(stub.call_blocking("delete", vec![])?, Value::Null);
    clock.advance(Duration::from_secs(1));
    assert_eq!(runtime.run_due_alarms()?, 0);
    Ok(())
}

#[test]
fn automatic_alarms_follow_a_clock_that_is_moved() -> Result<()> {
    let (clock, record) = (ManualClock::new(START), Record::default());
    let runtime = Runtime::open_with(Options { clock: Some(clock.clone()), ..Options::default() })?;
    let stub = runtime.namespace("Alarmed", record.class())?.get_by_name("one");
    stub.call_blocking("set", vec![(START + 86_400_000).into()])?;
    clock.advance(Duration::from_secs(86_400));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while record.runs().is_empty() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(record.runs(), [(START + 86_400_000, 0)]);
    Ok(())
}

#[test]
fn wrong_times_and_classes_without_a_handler_are_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let record = Record::default();
    let stub = runtime.namespace("Alarmed", record.class())?.get_by_name("one");
    let error = stub.call_blocking("set", vec![0.into()]).unwrap_err();
    assert_eq!((error.code(), error.name()), (ErrorCode::InvalidArgument, "TypeError"));
    let stub = serve(&runtime, app("function App:set() self.ctx.storage:setAlarm(5) end"))?;
    let error = stub.call_blocking("set", vec![]).unwrap_err();
    assert!(error.message().contains("must have an alarm() handler"), "{error}");
    Ok(())
}

#[test]
fn a_handler_that_runs_due_alarms_itself_does_not_hang() -> Result<()> {
    let clock = ManualClock::new(START);
    let runtime = open(None, &clock)?;
    let inner = runtime.clone();
    let class = crate::support::host_class(move |ctx, method, _args| match method {
        "set" => ctx.storage().set_alarm(START).map(|()| Value::Null),
        _ => Ok(Value::Int(inner.run_due_alarms()? as i64)),
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    stub.call_blocking("set", vec![])?;
    // The default handler refuses to run.
    assert_eq!(stub.call_blocking("run", vec![])?, Value::Int(0));
    Ok(())
}

/// Sets its alarm anew whenever it fires, to a time that is past, and tells how often it has fired.
fn restless(runtime: &Runtime) -> Result<facetbox::Stub> {
    let source = app("function App:set() self.ctx.storage:setAlarm(Date.now()) end
        function App:alarm()
            self.runs = (self.runs or 0) + 1
            self:set()
        end
        function App:get_runs() return self.runs or 0 end");
    let stub = serve(runtime, source)?;
    stub.call_blocking("set", vec![])?;
    Ok(stub)
}

#[test]
fn an_alarm_that_its_handler_sets_to_the_past_waits_for_the_next_time_that_due_ones_are_run()
-> Result<()> {
    let runtime = open(None, &ManualClock::new(START))?;
    let stub = restless(&runtime)?;
    for runs in 1..=3 {
        assert_eq!(runtime.run_due_alarms()?, 1);
        assert_eq!(stub.call_blocking("get_runs", vec![])?, runs.into());
    }
    Ok(())
}

#[test]
fn an_alarm_that_fires_without_end_takes_turns_with_calls() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = restless(&runtime)?;
    let runs = || stub.call_blocking("get_runs", vec![]).map(|runs| runs.as_i64().unwrap());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let mut last = runs()?;
    while last == 0 {
        assert!(std::time::Instant::now() < deadline, "no alarm has fired");
        std::thread::yield_now();
        last = runs()?;
    }
    let mut between = Vec::new();
    for _ in 0..200 {
        let now = runs()?;
        between.push(now - last);
        last = now;
    }
    between.sort_unstable();
    // The scheduler may let one wait for long, but not half of them.
    assert!(between[100] <= 8, "calls wait for as many alarms: {between:?}");
    Ok(())
}

#[test]
fn guests_see_the_clock_of_the_runtime() -> Result<()> {
    let clock = ManualClock::new(START);
    let runtime = open(None, &clock)?;
    let luau = serve(&runtime, app("function App:now() return Date.now() end"))?;
    assert_eq!(luau.call_blocking("now", vec![])?, START.into());
    #[cfg(feature = "quickjs")]
    {
        let source = "import { WorkerEntrypoint } from 'cloudflare:workers';
            class Later extends Date {}
            export default class extends WorkerEntrypoint {
              now() {
                const given = [new Date(5), new Date(1970, 0), new Date('1970-01-01T00:00:00.007Z'), new Later(9)];
                return [Date.now(), +new Date(), +new Later(), Date(), ...given.map(Number), Date.UTC(1970, 0),
                  new Date().constructor === Date, new Later() instanceof Date, Date.name, structuredClone(new Date())];
              }
            }";
        let code = facetbox::WorkerCode::js(source);
        let stub = runtime.loader().load(code)?.get_entrypoint("default", Default::default())?;
        let Value::List(seen) = stub.call_blocking("now", vec![])? else { panic!("a list") };
        let expected = [START.into(), START.into(), START.into()];
        assert_eq!(seen[..3], expected);
        assert!(seen[3].as_str().is_some_and(|text| text.contains("1970")), "{seen:?}");
        assert_eq!((&seen[4], &seen[6], &seen[7]), (&5.into(), &7.into(), &9.into()));
        assert_eq!(seen[8], 0.into());
        assert_eq!(seen[9..12], [true.into(), true.into(), "Date".into()]);
        assert_eq!(seen[12], Value::Date(START as f64));
    }
    Ok(())
}
