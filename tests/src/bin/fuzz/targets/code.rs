//! WorkerCode from a value, as a guest's loader gets it: JSON text in, with whatever modules it names.

use facetbox::{LimitsPatch, Runtime, Value, ValueMap, WorkerCode};

use super::{Target, kind, must_work};

/// Runtimes are closed now and then: their namespaces and caches only grow.
const RUNS: u32 = 200;

#[derive(Default)]
pub struct Code {
    runtime: Option<Runtime>,
    runs: u32,
}

impl Target for Code {
    fn run(&mut self, input: &[u8]) -> String {
        let parsed = Value::from_json(&String::from_utf8_lossy(input));
        let mut outcome = kind(&parsed);
        let Ok(value) = parsed else { return outcome };
        let code = WorkerCode::from_value(value);
        outcome += &kind(&code);
        let Ok(mut code) = code else { return outcome };
        let limits = Value::Map(ValueMap::from_iter([
            ("cpuMs", 20),
            ("wallMs", 100),
            ("memoryBytes", 8 << 20),
        ]));
        code.limits = LimitsPatch::from_value(&limits).expect("limits");

        self.runs += 1;
        if self.runs >= RUNS {
            self.runs = 0;
            self.runtime.take().into_iter().for_each(|runtime| {
                must_work(&runtime);
                runtime.close();
            });
        }
        let fresh = || Runtime::open_in_memory().expect("a runtime in memory");
        let runtime = self.runtime.get_or_insert_with(fresh);
        let worker = runtime.loader().insert(Some("fuzz"), Ok(code.clone()));
        for export in ["default", "App"] {
            let stub = worker.get_entrypoint(export, Default::default());
            outcome += &kind(&stub.and_then(|stub| stub.call_blocking("get", vec![1.into()])));
        }
        outcome += &kind(&runtime.deploy("fuzz", code, None));
        outcome
    }
}
