//! Database files that come from anywhere, as the import of an object; used as far as they are accepted.

use std::fs;
use std::path::Path;

use facetbox::{Durability, Namespace, Options, Result, Runtime, Value};
use tempfile::TempDir;

use super::{Target, check, kind, luau};

/// A guest that reads what it finds.
const GUEST: &str = r#"
local App = DurableObject:extend("App")

function App:write()
    local storage = self.ctx.storage
    storage.kv:put("a", { 1, "two", 3.5 })
    storage.kv:put("b", "text")
    storage.sql:exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    storage.sql:exec("CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('some words')")
    storage:setAlarm(9e12)
end

function App:alarm() end

function App:read()
    local storage, seen = self.ctx.storage, 0
    for key, value in storage.kv:list() do seen += 1 end
    for row in storage.sql:exec("SELECT name, sql FROM sqlite_master WHERE type = 'table'") do
        pcall(function() -- the tables of ours are out of reach
            for _ in storage.sql:exec(`SELECT * FROM "{row.name}" LIMIT 20`) do seen += 1 end
        end)
    end
    storage:getAlarm()
    storage.kv:put("mine", seen)
    return seen
end

return { App = App }
"#;

pub struct Import {
    runtime: Runtime,
    namespace: Namespace,
    dir: TempDir,
    /// What a good export has.
    database: Vec<u8>,
    manifest: Vec<u8>,
}

impl Import {
    pub fn new() -> Result<Import> {
        let dir = scratch();
        let runtime = Runtime::open_with(Options {
            path: Some(dir.path().join("data")),
            durability: Durability::None,
            ..Options::default()
        })?;
        let worker = runtime.loader().load(luau(GUEST))?;
        let class = worker.get_durable_object_class("App", Default::default());
        let namespace = runtime.namespace("import", class)?;
        let good = namespace.get_by_name("good");
        good.call_blocking("write", vec![])?;
        let export = dir.path().join("good");
        good.export_blocking(&export)?;
        let (database, manifest) = (read(&export, "data.sqlite"), read(&export, "manifest.json"));
        Ok(Import { runtime, namespace, dir, database, manifest })
    }
}

/// In memory where the system has such a directory.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory")
}

fn read(dir: &Path, name: &str) -> Vec<u8> {
    fs::read(dir.join(name)).expect("a file of an export")
}

impl Target for Import {
    /// An input that begins like a database is one, with a good manifest; any other is a manifest, with a good
    /// database.
    fn run(&mut self, input: &[u8]) -> String {
        let (database, manifest) = match input.starts_with(b"SQLite") {
            true => (input, &self.manifest[..]),
            false => (&self.database[..], input),
        };
        let export = self.dir.path().join("export");
        fs::create_dir_all(&export).expect("a directory");
        fs::write(export.join("data.sqlite"), database).expect("a file");
        fs::write(export.join("manifest.json"), manifest).expect("a file");

        let id = self.namespace.id_from_name("fuzz");
        let imported = self.namespace.import(&id, &export);
        let mut outcome = kind(&imported);
        if imported.is_ok() {
            let object = self.namespace.get_by_name("fuzz");
            outcome += &kind(&object.call_blocking("read", vec![]));
            outcome += &kind(&self.namespace.query_blocking(
                &id,
                &[],
                "SELECT count(*) FROM sqlite_master",
                vec![],
            ));
            outcome += &kind(&self.runtime.verify());
            let again = self.dir.path().join("again");
            outcome += &kind(&object.export_blocking(&again));
            let _ = fs::remove_dir_all(again);
            check(&self.namespace.delete(&id));
        }
        let good = self.namespace.get_by_name("good").call_blocking("read", vec![]);
        assert!(matches!(good, Ok(Value::Int(_))), "another object is unharmed: {good:?}");
        outcome
    }
}
