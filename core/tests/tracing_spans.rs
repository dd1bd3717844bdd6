//! The spans and events that `tracing` gets.
//!
//! A process of its own: a place in the code that another thread meets first while a subscriber comes can stay silent
//! for good (`tracing` computes its interest and makes it known in two steps).

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use facetbox::{ExportOptions, Result, Runtime, WorkerCode};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what happens, in words.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if ["path", "kind", "outcome"].contains(&field.name()) {
            self.0 += &format!(" {value:?}");
        }
    }
}

impl Recorder {
    fn note(&self, what: &str, fields: Fields) {
        self.0.lock().expect("no test panics inside").push(format!("{what}{}", fields.0));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "facetbox"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        self.note("span", fields);
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.note("end", fields);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

const CODE: &str = r#"
local App = DurableObject:extend("App")
function App:fail() error("no") end

local Forwarder = DurableObject:extend("Forwarder")
function Forwarder:fail()
    local class = self.ctx.exports.App
    return self.ctx.facets:get("app", function() return { class = class } end):fail()
end
return { App = App, Forwarder = Forwarder }
"#;

#[test]
fn each_event_has_a_span_and_tells_its_end() -> Result<()> {
    let recorder = Recorder::default();
    tracing::subscriber::set_global_default(recorder.clone()).expect("nobody has set another");
    let runtime = Runtime::open_in_memory()?;
    let worker = runtime.loader().load(WorkerCode::luau(CODE))?;
    let class = worker.get_durable_object_class("Forwarder", ExportOptions::default());
    let stub = runtime.namespace("Forwarder", class)?.get_by_name("one");
    assert!(stub.call_blocking("fail", vec![]).is_err());
    let noted = recorder.0.lock().expect("no test panics inside").clone();
    let expected = [
        r#"span "Forwarder/one" "rpc""#,
        r#"span "Forwarder/one/app" "rpc""#,
        r#"end "Forwarder/one/app" "rpc" "exception""#,
        r#"end "Forwarder/one" "rpc" "exception""#,
    ];
    assert_eq!(noted, expected);
    Ok(())
}
