//! SQL text of a guest: nothing that it says may reach beyond its own tables.

use facetbox::{Class, LimitsPatch, Namespace, NamespaceOptions, Result, Runtime, Value, ValueMap};

use super::{Target, check, kind, luau, must_work};

/// The guest whose statements the inputs are. Its last words must be true whatever ran before.
const GUEST: &str = r#"
local App = DurableObject:extend("App")

function App:run(text)
    local storage = self.ctx.storage
    storage.kv:put("canary", "alive")
    storage.sql:exec([[
        CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c REAL DEFAULT 1.5);
        INSERT INTO t (a, b) VALUES (1, 'one'), (2, 'two'), (3, NULL);
        CREATE VIRTUAL TABLE words USING fts5(text);
        INSERT INTO words VALUES ('some words'), ('more words');
        CREATE INDEX by_b ON t (b);
        CREATE VIEW v AS SELECT a, b FROM t;
    ]])
    local rows = 0
    local ok, thrown = pcall(function()
        for row in storage.sql:exec(text, 7, "text", 1.5) do
            rows += 1
            if rows == 50 then break end
        end
    end)
    local alive = storage.kv:get("canary")
    return { alive = alive, error = if ok then nil else tostring(thrown) }
end

return { App = App }
"#;

pub struct Sql {
    runtime: Runtime,
    namespace: Namespace,
    runs: u32,
}

impl Sql {
    pub fn new() -> Result<Sql> {
        let runtime = Runtime::open_in_memory()?;
        let limits =
            [("cpuMs", 50), ("wallMs", 300), ("storageBytes", 2 << 20), ("memoryBytes", 16 << 20)];
        let options = NamespaceOptions {
            limits: LimitsPatch::from_value(&Value::Map(ValueMap::from_iter(limits)))?,
            ..NamespaceOptions::default()
        };
        let worker = runtime.loader().load(luau(GUEST))?;
        let class: Class = worker.get_durable_object_class("App", Default::default());
        let namespace = runtime.namespace_with("sql", class, options)?;
        Ok(Sql { runtime, namespace, runs: 0 })
    }
}

impl Target for Sql {
    fn run(&mut self, input: &[u8]) -> String {
        let text = String::from_utf8_lossy(input).into_owned();
        let object = self.namespace.get_by_name("fuzz");
        let outcome = object.call_blocking("run", vec![text.into()]);
        let mut kind = kind(&outcome);
        if let Ok(Value::Map(answer)) = &outcome {
            assert_eq!(answer.get("alive"), Some(&"alive".into()), "the guest's own data is gone");
            let error = answer.get("error").and_then(Value::as_str).unwrap_or_default();
            kind.extend(error.chars().filter(|c| !c.is_ascii_digit()).take(60));
        }
        check(&self.namespace.delete(&self.namespace.id_from_name("fuzz")));
        self.runs += 1;
        if self.runs.is_multiple_of(256) {
            must_work(&self.runtime);
        }
        kind
    }
}
