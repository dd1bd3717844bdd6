//! The path that everything else serves: a supervisor, its app, and the app's data after a restart.

use facetbox::{
    Class, Ctx, DurableObject, Error, ErrorCode, Request, Response, Result, Runtime, Value,
    WorkerCode, no_such_method,
};

use crate::support::{app, assert_fails, counter, facet, host_class, serve, visit};

#[test]
fn an_app_counts_on_after_a_restart() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    for (first, second) in [(1, 2), (3, 4)] {
        let runtime = Runtime::open(directory.path())?;
        let stub = serve(&runtime, counter())?;
        assert_eq!(visit(&stub)?, format!("You've made {first} requests.\n"));
        assert_eq!(visit(&stub)?, format!("You've made {second} requests.\n"));
        runtime.close();
    }
    Ok(())
}

#[test]
fn a_facet_sees_nothing_of_its_supervisor() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let spy = app(r#"
        function App:spy()
            local keys = {}
            for key in self.ctx.storage.kv:list() do table.insert(keys, key) end
            local sql = self.ctx.storage.sql
            local tables = sql:exec("SELECT name FROM sqlite_master WHERE name = 'secrets'"):toArray()
            return { self.ctx.storage.kv:get("secret") or null, #keys, #tables, self.env.LOADER or null }
        end
    "#);
    let class = host_class(move |ctx, _method, _args| {
        ctx.storage().kv().put("secret", &"of the supervisor".into())?;
        ctx.storage().sql().exec("CREATE TABLE secrets (a)", vec![])?;
        facet(ctx, "app", &spy)?.call_blocking("spy", vec![])
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let seen = stub.call_blocking("go", vec![])?;
    assert_eq!(seen, Value::List(vec![Value::Null, 0.into(), 0.into(), Value::Null]));
    Ok(())
}

#[test]
fn the_network_is_closed() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(&runtime, app("function App:reach(url) return fetch(url):text() end"))?;
    let reached = stub.call_blocking("reach", vec!["http://127.0.0.1:1/".into()]);
    assert_fails(reached, ErrorCode::Unsupported, "not permitted to access the internet");
    Ok(())
}

/// Keeps the code in its own storage, as platforms do.
struct AppRunner(Ctx);

impl DurableObject for AppRunner {
    fn fetch(&self, request: Request) -> Result<Response> {
        let code = self.0.storage().kv().get("code")?.unwrap_or_default();
        facet(&self.0, "app", &WorkerCode::luau(code.as_str().unwrap_or_default()))?
            .fetch_blocking(request)
    }

    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let ("set_code", [code]) = (method, args.as_slice()) else {
            return Err(no_such_method(method));
        };
        self.0.storage().kv().put("code", code)?;
        self.0.facets().abort("app", Error::new(ErrorCode::Aborted, "The code changed."))?;
        Ok(Value::Null)
    }
}

#[test]
fn new_code_takes_over_and_finds_the_old_data() -> Result<()> {
    let version = |name: &str| {
        format!(
            r#"
            local App = DurableObject:extend("App")
            function App:fetch(request)
                local kv = self.ctx.storage.kv
                kv:put("n", (kv:get("n") or 0) + 1)
                return Response.new(`{name} {{kv:get("n")}}`)
            end
            return {{ App = App }}
            "#
        )
    };
    let runtime = Runtime::open_in_memory()?;
    let class = Class::host("AppRunner", |ctx, _env| Ok(AppRunner(ctx)));
    let stub = runtime.namespace("AppRunner", class)?.get_by_name("my-app");
    stub.call_blocking("set_code", vec![version("old").into()])?;
    assert_eq!((visit(&stub)?, visit(&stub)?), ("old 1".into(), "old 2".into()));
    stub.call_blocking("set_code", vec![version("new").into()])?;
    assert_eq!(visit(&stub)?, "new 3");
    Ok(())
}
