//! The spans and events that `tracing` gets.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use facetbox::{Result, Runtime};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{app, serve};

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

#[test]
fn each_event_has_a_span_and_tells_its_end() -> Result<()> {
    let recorder = Recorder::default();
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(&runtime, app("function App:fail() error('no') end"))?;
    // A place that is met first while a subscriber comes on another thread can stay silent for good.
    assert!(stub.call_blocking("fail", vec![]).is_err());
    tracing::subscriber::with_default(recorder.clone(), || {
        assert!(stub.call_blocking("fail", vec![]).is_err());
    });
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
