//! Tail events as guests and bindings see them: Cloudflare's trace items, and what it lacks beside them.

use super::event::{TailEvent, TailException, TailInfo, TailLog};
use crate::value::{Value, ValueMap};

impl TailEvent {
    /// The event as a map. Where Cloudflare's trace items have a field it is the same: `event`,
    /// `eventTimestamp`, `logs`, `exceptions`, `entrypoint`, `durableObjectId`, `executionModel`,
    /// `outcome`, `truncated`, `cpuTime`, `wallTime`. Beside them are `eventType`, `namespace`,
    /// `objectName`, `facets`, `rowsRead`, `rowsWritten`, `subrequests`, `bindings` (calls by name), `dropped`.
    pub fn to_value(&self) -> Value {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let facets = self.facets.iter().map(|name| name.as_str().into()).collect();
        let bindings = self.bindings.iter().map(|calls| (calls.name.as_str(), count(calls.calls)));
        let model = if self.object_id.is_some() { "durableObject" } else { "stateless" };
        Value::Map(ValueMap::from_iter([
            ("event", info(&self.event)),
            ("eventType", self.event.kind().into()),
            ("eventTimestamp", Value::Int(self.timestamp)),
            ("namespace", text(&self.namespace)),
            ("durableObjectId", text(&self.object_id)),
            ("objectName", text(&self.object_name)),
            ("facets", Value::List(facets)),
            ("entrypoint", self.entrypoint.as_str().into()),
            ("executionModel", model.into()),
            ("outcome", self.outcome.as_str().into()),
            ("cpuTime", Value::Float(self.cpu_ms)),
            ("wallTime", Value::Float(self.wall_ms)),
            ("logs", Value::List(self.logs.iter().map(log).collect())),
            ("exceptions", Value::List(self.exceptions.iter().map(exception).collect())),
            ("truncated", Value::Bool(self.truncated)),
            ("rowsRead", count(self.rows_read)),
            ("rowsWritten", count(self.rows_written)),
            ("subrequests", count(self.subrequests)),
            ("bindings", Value::Map(bindings.collect())),
            ("dropped", count(self.dropped)),
        ]))
    }
}

fn count(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn info(info: &TailInfo) -> Value {
    let map = match info {
        TailInfo::Fetch { method, url, status } => {
            let request = ValueMap::from_iter([
                ("method", Value::from(method.as_str())),
                ("url", url.as_str().into()),
            ]);
            let mut map = ValueMap::from_iter([("request", Value::Map(request))]);
            if let Some(status) = status {
                let status = ValueMap::from_iter([("status", Value::Int((*status).into()))]);
                map.insert("response", Value::Map(status));
            }
            map
        }
        TailInfo::Rpc { method } => {
            ValueMap::from_iter([("rpcMethod", Value::from(method.as_str()))])
        }
        TailInfo::Alarm { scheduled_time, retry_count } => ValueMap::from_iter([
            ("scheduledTime", Value::Date(*scheduled_time as f64)),
            ("retryCount", Value::Int((*retry_count).into())),
        ]),
        TailInfo::Tail { consumed } => {
            let item = |name: &String| {
                Value::Map(ValueMap::from_iter([("scriptName", Value::from(name.as_str()))]))
            };
            let items = consumed.iter().map(item).collect();
            ValueMap::from_iter([("consumedEvents", Value::List(items))])
        }
        TailInfo::Task => return Value::Null,
    };
    Value::Map(map)
}

fn log(log: &TailLog) -> Value {
    Value::Map(ValueMap::from_iter([
        ("timestamp", Value::Int(log.timestamp)),
        ("level", log.level.as_str().into()),
        ("message", Value::List(vec![log.message.as_str().into()])),
    ]))
}

fn exception(exception: &TailException) -> Value {
    let mut map = ValueMap::from_iter([
        ("timestamp", Value::Int(exception.timestamp)),
        ("name", exception.name.as_str().into()),
        ("message", exception.message.as_str().into()),
    ]);
    if let Some(stack) = &exception.stack {
        map.insert("stack", stack.as_str());
    }
    Value::Map(map)
}
