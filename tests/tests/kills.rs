//! A thousand kills leave nothing behind. The only test of its process, which it measures.

#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{
    ErrorCode, ExportOptions, LimitsPatch, Module, Options, Runtime, Stub, Value, ValueMap,
    WorkerCode,
};

const LUAU: &str = "
    local App = DurableObject:extend('App')
    function App:burn() self.ctx.storage.kv:put('lost', 1) while true do end end
    function App:good(n) local kv = self.ctx.storage.kv kv:put('n', n) return kv:get('n') end
    return { App = App }";

const JS: &str = "
    import { DurableObject } from 'cloudflare:workers';
    export class App extends DurableObject {
      burn() { this.ctx.storage.kv.put('lost', 1); for (;;); }
      good(n) { this.ctx.storage.kv.put('n', n); return this.ctx.storage.kv.get('n'); }
    }";

/// Threads, descriptors and resident KiB of this process.
fn resources() -> [usize; 3] {
    let entries = |path| fs::read_dir(path).unwrap().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    [entries("/proc/self/task"), entries("/proc/self/fd"), kib]
}

/// Objects of both languages whose events have so much CPU time.
fn objects(runtime: &Runtime, cpu_ms: i64) -> Vec<Stub> {
    let limits = Value::Map(ValueMap::from_iter([("cpuMs", cpu_ms)]));
    let limits = LimitsPatch::from_value(&limits).unwrap();
    let mut objects = Vec::new();
    for (name, module) in [("a.luau", Module::Luau(LUAU.into())), ("a.js", Module::Js(JS.into()))] {
        let code = WorkerCode {
            main_module: name.into(),
            modules: vec![(name.into(), module)],
            ..WorkerCode::default()
        };
        let options = ExportOptions { limits, ..ExportOptions::default() };
        let class = runtime.loader().load(code).unwrap().get_durable_object_class("App", options);
        let namespace = runtime.namespace(&format!("{name} {cpu_ms}"), class).unwrap();
        objects.extend((0..5).map(|n| namespace.get_by_name(&n.to_string())));
    }
    objects
}

fn kill_and_use(burning: &[Stub], good: &[Stub], rounds: usize) {
    for round in 0..rounds {
        let error = burning[round % burning.len()].call_blocking("burn", vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitCpu, "{error:?}");
    }
    for round in 0..rounds {
        let n = Value::from(round as i64);
        let answer = good[round % good.len()].call_blocking("good", vec![n.clone()]);
        assert_eq!(answer.unwrap(), n);
    }
}

#[test]
fn x010_a_thousand_kills_leave_threads_descriptors_and_memory_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::open_with(Options {
        path: Some(directory.path().join("data")),
        durability: facetbox::Durability::None,
        ..Options::default()
    })
    .unwrap();
    let (burning, good) = (objects(&runtime, 5), objects(&runtime, 1_000));
    kill_and_use(&burning, &good, 100);
    let before = resources();
    kill_and_use(&burning, &good, 1_000);
    let (mut after, begun) = (resources(), Instant::now());
    // Threads that have stood in for others, because those took long, end when the runtime rests.
    while after[0] > before[0] && begun.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(50));
        after = resources();
    }
    let grown = after[0] > before[0] || after[1] > before[1] || after[2] > before[2] + (16 << 10);
    assert!(!grown, "threads, descriptors, resident KiB: {before:?} became {after:?}");
}
