//! Values as they are stored, and as JSON text: what can be read can be written, and reads as the same again.

use std::fs;
use std::path::Path;

use facetbox::{
    Class, Ctx, Durability, DurableObject, ErrorCode, Namespace, Options, Result, Runtime, Value,
    no_such_method,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Target, check, import::scratch, kind};

/// Reads what is stored as "a", stores it as "b", and gives both.
struct Store(Ctx);

impl DurableObject for Store {
    fn call(&self, method: &str, _: Vec<Value>) -> Result<Value> {
        let kv = self.0.storage().kv();
        match method {
            "write" => kv.put("a", &Value::List(vec![Value::Null]))?,
            "read" => {
                let a = kv.get("a")?.unwrap_or_default();
                kv.put("b", &a)?;
                let b = kv.get("b")?.unwrap_or_default();
                assert_eq!(format!("{a:?}"), format!("{b:?}"), "a stored value reads as the same");
                return Ok(a);
            }
            _ => return Err(no_such_method(method)),
        }
        Ok(Value::Null)
    }
}

pub struct Values {
    // Dropped before its directory.
    namespace: Namespace,
    _runtime: Runtime,
    dir: TempDir,
}

impl Values {
    pub fn new() -> Result<Values> {
        let dir = scratch();
        let runtime = Runtime::open_with(Options {
            path: Some(dir.path().join("data")),
            durability: Durability::None,
            ..Options::default()
        })?;
        let namespace =
            runtime.namespace("values", Class::host("Store", |ctx, _| Ok(Store(ctx))))?;
        let good = namespace.get_by_name("good");
        good.call_blocking("write", vec![])?;
        good.export_blocking(dir.path().join("export"))?;
        Ok(Values { namespace, _runtime: runtime, dir })
    }

    /// Puts the bytes where the store has its value, and lets it read them.
    fn stored(&self, input: &[u8]) -> Result<Value> {
        let export = self.dir.path().join("export");
        write_blob(&export, input);
        let id = self.namespace.id_from_name("fuzz");
        self.namespace.import(&id, &export)?;
        let value = self.namespace.get_by_name("fuzz").call_blocking("read", vec![]);
        check(&self.namespace.delete(&id));
        value
    }
}

fn write_blob(export: &Path, input: &[u8]) {
    let database = Connection::open(export.join("data.sqlite")).expect("a database");
    let changed = database.execute("UPDATE _fb_kv SET value = ?1 WHERE key = 'a'", [input]);
    assert_eq!(changed, Ok(1));
    drop(database);
    for rest in ["data.sqlite-wal", "data.sqlite-shm"] {
        let _ = fs::remove_file(export.join(rest));
    }
}

impl Target for Values {
    fn run(&mut self, input: &[u8]) -> String {
        let stored = self.stored(input);
        let mut outcome = kind(&stored);
        if let Ok(value) = &stored {
            outcome += value.type_name();
            outcome += &kind(&value.to_json().and_then(|json| round_trip(&json)));
        }
        outcome + &kind(&round_trip(&String::from_utf8_lossy(input)))
    }
}

/// JSON that can be read can be written, and reads as the same again.
fn round_trip(json: &str) -> Result<()> {
    let value = Value::from_json(json)?;
    let again = match value.to_json() {
        Ok(json) => Value::from_json(&json)?,
        // It nests deeper than a value may, or is too large.
        Err(error) if error.code() == ErrorCode::ValueError => return Err(error),
        Err(error) => panic!("a value from JSON has none: {error:?}"),
    };
    assert_eq!(format!("{value:?}"), format!("{again:?}"), "JSON reads as the same");
    Ok(())
}
