//! What objects and facets have used, for whoever bills them.

use facetbox::{
    HostFunction, Options, Request, Result, Runtime, Stub, TailReceiver, Usage, Value, ValueMap,
};

use crate::support::{app, facet, host_class, own};

fn methods() -> facetbox::WorkerCode {
    app("function App:init()
             self.ctx.storage.sql:exec('CREATE TABLE IF NOT EXISTS t(a)')
         end
         function App:put(key, value) self.ctx.storage.kv:put(key, value) end
         function App:get(key) return self.ctx.storage.kv:get(key) end
         function App:fill(rows)
             for at = 1, rows do self.ctx.storage.sql:exec('INSERT INTO t VALUES (?)', at) end
         end
         function App:sum() return self.ctx.storage.sql:exec('SELECT sum(a) AS sum FROM t'):one().sum end
         function App:list() local n = 0 for _ in self.ctx.storage.kv:list() do n += 1 end return n end
         function App:spin() local n = 0 for i = 1, 3e6 do n += i end return n end
         function App:clear() self.ctx.storage:deleteAll() end
         function App:fetch(request) return Response.new(string.rep('x', 1000)) end")
}

fn used(stub: &Stub) -> Result<Usage> {
    stub.usage()
}

#[test]
fn events_rows_bytes_and_cpu_add_up_and_are_there_at_once() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, methods())?;
    assert_eq!(used(&stub)?, Usage::default());
    stub.call_blocking("fill", vec![10.into()])?;
    let filled = used(&stub)?;
    assert_eq!((filled.events, filled.rows_written), (1, 10));
    stub.call_blocking("sum", vec![])?;
    let summed = used(&stub)?;
    assert_eq!((summed.events, summed.rows_written), (2, 10));
    assert!((10..=12).contains(&(summed.rows_read - filled.rows_read)), "{summed:?}");
    stub.call_blocking("put", vec!["k".into(), "v".repeat(500).into()])?;
    stub.call_blocking("list", vec![])?;
    let listed = used(&stub)?;
    assert_eq!(listed.rows_written, 11);
    assert_eq!(listed.rows_read, summed.rows_read + 1);
    assert!((500..600).contains(&(listed.bytes_in - summed.bytes_in)), "{listed:?}");
    stub.fetch_blocking(Request::get("http://app/")?)?;
    let fetched = used(&stub)?;
    assert!((1_000..1_100).contains(&(fetched.bytes_out - listed.bytes_out)), "{fetched:?}");
    stub.call_blocking("spin", vec![])?;
    let spun = used(&stub)?;
    assert!(spun.cpu_ms > fetched.cpu_ms, "{spun:?}");
    assert_eq!(spun.events, 6);
    Ok(())
}

#[test]
fn calls_of_others_add_up_in_the_database() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut code = app("function App:ask(times)
             self.ctx.storage.kv:put('asked', times)
             for at = 1, times do self.env.ASK() end
         end");
    code.env = ValueMap::from_iter([("ASK", HostFunction::new("ASK", |_| Ok(Value::Null)))]);
    for round in 0..2 {
        let runtime = Runtime::open(dir.path())?;
        let stub = own(&runtime, code.clone())?;
        assert_eq!(used(&stub)?.subrequests, round * 6);
        stub.call_blocking("ask", vec![3.into()])?;
        stub.call_blocking("ask", vec![3.into()])?;
        runtime.close();
    }
    Ok(())
}

#[test]
fn what_was_used_outlives_delete_all_hibernation_and_restarts() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = 0;
    for round in 0..3 {
        let options =
            Options { path: Some(dir.path().into()), idle_ms: Some(20), ..Options::default() };
        let runtime = Runtime::open_with(options)?;
        let stub = own(&runtime, methods())?;
        assert_eq!(used(&stub)?.events, expected, "round {round}");
        stub.call_blocking("put", vec!["k".into(), 1.into()])?;
        stub.call_blocking("get", vec!["k".into()])?;
        expected += 2;
        let begin = std::time::Instant::now();
        while runtime.metrics().warm_actors > 0 {
            assert!(begin.elapsed().as_secs() < 20, "it never hibernates");
            std::thread::yield_now();
        }
        assert_eq!(used(&stub)?.events, expected);
        // A session that only reads is counted, too.
        stub.call_blocking("get", vec!["k".into()])?;
        stub.call_blocking("clear", vec![])?;
        expected += 2;
        assert_eq!(used(&stub)?.events, expected);
        runtime.close();
    }
    Ok(())
}

#[test]
fn an_object_has_used_what_its_facets_have() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = methods();
    let class = host_class(move |ctx, method, args| {
        ctx.storage().kv().put("calls", &1.into())?;
        if method == "usage" {
            return Ok((ctx.facets().usage("app")?.events as i64).into());
        }
        facet(ctx, "app", &code)?.call_blocking(method, args)
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    for _ in 0..3 {
        stub.call_blocking("fill", vec![4.into()])?;
    }
    let all = used(&stub)?;
    assert_eq!((all.events, all.facets), (6, 1));
    // The supervisor's own writes: its key, and the facet's entry isn't the guest's to pay for.
    assert_eq!(all.rows_written, 3 * 4 + 3);
    assert_eq!(stub.call_blocking("usage", vec![])?, 3.into());
    Ok(())
}

#[test]
fn an_objects_rows_are_told_of_the_event_that_touched_them() -> Result<()> {
    let (sender, events) = std::sync::mpsc::channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let runtime = Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() })?;
    let code = methods();
    let class = host_class(move |ctx, method, args| {
        ctx.storage().kv().put("calls", &1.into())?;
        let answer = facet(ctx, "app", &code)?.call_blocking(method, args);
        ctx.storage().kv().get("calls")?;
        answer
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    stub.call_blocking("fill", vec![7.into()])?;
    stub.call_blocking("get", vec!["k".into()])?;
    let rows: Vec<_> = (0..4)
        .map(|_| events.recv_timeout(std::time::Duration::from_secs(20)).expect("an event is told"))
        .map(|event| (event.facets.len(), event.rows_read, event.rows_written))
        .collect();
    let [filled, above, got, _] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((filled.0, filled.2), (1, 7));
    assert_eq!(*above, (0, 1, 1));
    assert_eq!(*got, (1, 1, 0));
    Ok(())
}
