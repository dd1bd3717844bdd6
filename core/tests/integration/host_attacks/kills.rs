//! Kills at the worst moment.

use std::thread;
use std::time::Duration;

use facetbox::{ErrorCode, Namespace, Options, Result, Runtime};

use crate::support::{app, patch};

/// Statements that take long, each over tables that `prepare` makes.
const LONG: [&str; 5] = [
    "INSERT INTO t SELECT randomblob(100), x FROM c",
    "UPDATE t SET b = b + 1, a = randomblob(100)",
    "DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY randomblob(10) LIMIT 500)",
    "INSERT INTO f(f) VALUES ('rebuild')",
    "CREATE INDEX i ON t(a, b)",
];

fn objects(runtime: &Runtime) -> Result<Namespace> {
    let code = app("function App:prepare()
             local sql = self.ctx.storage.sql
             sql:exec('CREATE TABLE IF NOT EXISTS t(a, b); CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(text)')
             sql:exec('CREATE VIEW IF NOT EXISTS c AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000) SELECT x FROM c')
             sql:exec('INSERT INTO t SELECT randomblob(100), x FROM c; INSERT INTO f SELECT hex(a) FROM t')
             return sql:exec('SELECT count(*) AS n FROM t'):one().n
         end
         function App:long(query)
             while true do
                 self.ctx.storage.sql:exec(query)
                 self.ctx.storage.sql:exec('DROP INDEX IF EXISTS i')
                 self.ctx.storage:sync()
             end
         end
         function App:count() return self.ctx.storage.sql:exec('SELECT count(*) AS n FROM t'):one().n end");
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    runtime.namespace("App", class)
}

fn open(path: &std::path::Path, cpu_ms: i64) -> Result<Runtime> {
    Runtime::open_with(Options {
        path: Some(path.into()),
        durability: facetbox::Durability::Relaxed,
        limits: patch([("cpuMs", cpu_ms)])?,
        ..Options::default()
    })
}

#[test]
fn l089_s059_a_kill_in_any_statement_leaves_a_consistent_database() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    for (round, query) in LONG.into_iter().cycle().take(20).enumerate() {
        let runtime = open(directory.path(), 60_000)?;
        let stub = objects(&runtime)?.get_by_name("one");
        if round == 0 {
            stub.call_blocking("prepare", vec![])?;
        }
        let busy = thread::spawn(move || stub.call_blocking("long", vec![query.into()]));
        thread::sleep(Duration::from_millis(3 + 7 * (round as u64 % 5)));
        runtime.close();
        let error = busy.join().unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Closed, "{query}: {error:?}");
        let runtime = open(directory.path(), 60_000)?;
        assert_eq!(runtime.verify()?.problems, [], "{query}");
        let n = objects(&runtime)?.get_by_name("one").call_blocking("count", vec![])?;
        assert!(n.as_i64().is_some(), "{query}: {n:?}");
        runtime.close();
    }
    Ok(())
}
