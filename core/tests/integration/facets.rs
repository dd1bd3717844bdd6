//! Facets as a host class handles them: names, starts, lifetimes and data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use facetbox::{
    ActorId, Class, Ctx, DurableObject, Error, ErrorCode, FacetOptions, Options, Result, Runtime,
    Value, WorkerCode,
};

use crate::support::{app, assert_fails, facet, host_class, own, patch, runtime_with};

fn notes() -> WorkerCode {
    app("function App:put(value) self.ctx.storage.kv:put('k', value) end
         function App:get() return self.ctx.storage.kv:get('k') end
         function App:remember(value) self.memory = value end
         function App:recall() return self.memory end
         function App:id() return tostring(self.ctx.id) end")
}

/// Runs `body` as a method of a supervisor, with a context to have facets in.
fn supervise(body: impl Fn(&Ctx) -> Result<()> + Clone + Send + Sync + 'static) -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(move |ctx, _method, _args| body(ctx).map(|()| Value::Null));
    runtime.namespace("Host", class)?.get_by_name("one").call_blocking("go", vec![]).map(drop)
}

fn put(ctx: &Ctx, name: &str, value: &str) -> Result<()> {
    facet(ctx, name, &notes())?.call_blocking("put", vec![value.into()]).map(drop)
}

fn get(ctx: &Ctx, name: &str) -> Result<Value> {
    facet(ctx, name, &notes())?.call_blocking("get", vec![])
}

#[test]
fn the_start_callback_runs_at_the_first_use_and_once() -> Result<()> {
    supervise(|ctx| {
        let calls = Arc::new(AtomicU32::new(0));
        let get = || {
            let (loader, calls) = (ctx.loader(), calls.clone());
            ctx.facets().get("app", move || {
                calls.fetch_add(1, Ordering::Relaxed);
                Ok(loader.load(notes())?.get_durable_object_class("App", Default::default()))
            })
        };
        let (first, second) = (get()?, get()?);
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        for stub in [&first, &second, &first] {
            stub.call_blocking("get", vec![])?;
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        Ok(())
    })
}

#[test]
fn an_error_of_the_start_callback_reaches_the_caller_and_is_not_sticky() -> Result<()> {
    supervise(|ctx| {
        let failing =
            ctx.facets().get("app", || Err::<Class, _>(Error::guest("RangeError", "no code")))?;
        let error = failing.call_blocking("get", vec![]).unwrap_err();
        assert_eq!(error.to_string(), "RangeError: no code");
        assert_eq!(get(ctx, "app")?, Value::Null);
        Ok(())
    })
}

#[test]
fn facets_are_listed_whether_they_run_or_not() -> Result<()> {
    supervise(|ctx| {
        let facets = ctx.facets();
        assert_eq!(facets.list()?, Vec::<String>::new());
        put(ctx, "b", "x")?;
        put(ctx, "a", "x")?;
        facets.abort("b", Error::guest("Error", "stop"))?;
        assert_eq!(facets.list()?, ["a", "b"]);
        assert!(facets.exists("b")? && !facets.exists("c")?);
        Ok(())
    })
}

#[test]
fn abort_fails_old_stubs_and_keeps_the_data() -> Result<()> {
    supervise(|ctx| {
        put(ctx, "app", "kept")?;
        let old = facet(ctx, "app", &notes())?;
        old.call_blocking("remember", vec!["lost".into()])?;
        ctx.facets().abort("app", Error::new(ErrorCode::Aborted, "code changed"))?;
        assert_fails(old.call_blocking("get", vec![]), ErrorCode::Aborted, "code changed");
        assert_eq!(get(ctx, "app")?, Value::from("kept"));
        assert_eq!(facet(ctx, "app", &notes())?.call_blocking("recall", vec![])?, Value::Null);
        Ok(())
    })
}

#[test]
fn delete_fails_old_stubs_and_takes_the_data() -> Result<()> {
    supervise(|ctx| {
        put(ctx, "app", "gone")?;
        let old = facet(ctx, "app", &notes())?;
        old.call_blocking("get", vec![])?;
        ctx.facets().delete("app")?;
        assert_fails(old.call_blocking("get", vec![]), ErrorCode::Aborted, "deleted");
        assert!(!ctx.facets().exists("app")?);
        assert_eq!(get(ctx, "app")?, Value::Null);
        ctx.facets().delete("never there")
    })
}

#[test]
fn a_delete_in_a_transaction_that_fails_deletes_nothing() -> Result<()> {
    supervise(|ctx| {
        put(ctx, "app", "kept")?;
        let outcome = ctx.storage().transaction_sync(|| {
            ctx.facets().delete("app")?;
            Err::<(), _>(Error::guest("Error", "changed my mind"))
        });
        assert_fails(outcome, ErrorCode::GuestError, "changed my mind");
        assert!(ctx.facets().exists("app")?);
        assert_eq!(get(ctx, "app")?, Value::from("kept"));
        Ok(())
    })
}

#[test]
fn a_clone_is_a_copy_that_goes_its_own_way() -> Result<()> {
    supervise(|ctx| {
        put(ctx, "app", "old")?;
        put(ctx, "copy", "replaced")?;
        ctx.facets().clone("app", "copy")?;
        put(ctx, "app", "new")?;
        assert_eq!(get(ctx, "copy")?, Value::from("old"));
        assert_eq!(get(ctx, "app")?, Value::from("new"));
        ctx.facets().clone("missing", "copy")?;
        assert_eq!(get(ctx, "copy")?, Value::Null);
        Ok(())
    })
}

#[test]
fn delete_all_takes_the_facets_too() -> Result<()> {
    supervise(|ctx| {
        put(ctx, "app", "gone")?;
        ctx.storage().kv().put("own", &1.into())?;
        ctx.delete_all()?;
        assert_eq!(ctx.storage().kv().get("own")?, None);
        assert_eq!(ctx.facets().list()?, Vec::<String>::new());
        assert_eq!(get(ctx, "app")?, Value::Null);
        Ok(())
    })
}

#[test]
fn names_are_1_to_256_bytes() -> Result<()> {
    supervise(|ctx| {
        put(ctx, &"é".repeat(128), "x")?;
        assert_fails(put(ctx, &"x".repeat(257), "x"), ErrorCode::InvalidArgument, "256");
        assert_fails(put(ctx, "", "x"), ErrorCode::InvalidArgument, "empty");
        put(ctx, "../ \0 '; DROP TABLE x", "odd")?;
        assert_eq!(get(ctx, "../ \0 '; DROP TABLE x")?, Value::from("odd"));
        Ok(())
    })
}

#[test]
fn a_facet_sees_its_parents_id_unless_it_is_given_another() -> Result<()> {
    supervise(|ctx| {
        let ActorId::Object(id) = ctx.id() else { panic!("an object's id is no text") };
        let own = facet(ctx, "app", &notes())?.call_blocking("id", vec![])?;
        assert_eq!(own, Value::from(id.to_string()));
        let loader = ctx.loader();
        let other = ctx.facets().get("other", move || {
            let class = loader.load(notes())?.get_durable_object_class("App", Default::default());
            Ok(FacetOptions { class, id: Some(ActorId::Text("user-7".into())) })
        })?;
        assert_eq!(other.call_blocking("id", vec![])?, Value::from("user-7"));
        Ok(())
    })
}

/// A host class as a facet: tells its path and, below it, those of more.
struct Nested(Ctx);

impl DurableObject for Nested {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let Some(below @ 1..) = args[0].as_i64() else { return Ok(self.0.path().into()) };
        let class = || Ok(Class::host("Nested", |ctx, _env| Ok(Nested(ctx))));
        self.0.facets().get("n", class)?.call_blocking(method, vec![(below - 1).into()])
    }
}

#[test]
fn host_classes_nest_as_facets_down_to_the_depth_limit() -> Result<()> {
    let runtime = runtime_with([("facetDepth", 4)])?;
    let class = Class::host("Nested", |ctx, _env| Ok(Nested(ctx)));
    let stub = runtime.namespace("Nested", class)?.get_by_name("one");
    assert_eq!(stub.call_blocking("path", vec![3.into()])?, Value::from("Nested/one/n/n/n"));
    assert_fails(stub.call_blocking("path", vec![4.into()]), ErrorCode::LimitDepth, "is 4");
    Ok(())
}

#[test]
fn no_more_facets_than_the_limit_are_created() -> Result<()> {
    let runtime = runtime_with([("facets", 2)])?;
    let class = host_class(|ctx, method, _args| put(ctx, method, "x").map(|()| Value::Null));
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    for name in ["a", "b", "a"] {
        stub.call_blocking(name, vec![])?;
    }
    assert_fails(stub.call_blocking("c", vec![]), ErrorCode::LimitFacets, "2");
    Ok(())
}

/// Each level has two facets, and each copy doubles what is below: the object ends at its limit all the same.
#[test]
fn copies_of_copies_end_at_the_limit_of_the_whole_object() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let options = |at: usize| Options {
        path: (at == 0).then(|| directory.path().to_owned()),
        limits: patch([("facets", 20)]).expect("limits"),
        ..Default::default()
    };
    for at in 0..2 {
        let runtime = Runtime::open_with(options(at))?;
        let code = app("function App:double(level)
                 self.ctx.storage.kv:put('k', level)
                 if level == 0 then return end
                 self.ctx.facets:get('a', function() return { class = self.ctx.exports.App } end):double(level - 1)
                 self.ctx.facets:clone('a', 'b')
             end
             function App:forget() self.ctx.facets:delete('a') self.ctx.facets:delete('b') end");
        let stub = own(&runtime, code)?;
        let double = |level: i64| stub.call_blocking("double", vec![level.into()]);
        double(3)?; // 14 facets
        stub.call_blocking("forget", vec![])?;
        double(3)?; // deleted ones don't count
        stub.call_blocking("forget", vec![])?;
        let error = assert_fails(double(4), ErrorCode::LimitFacets, "the limit is 20");
        assert_eq!(error.path(), Some("App/one"));
    }
    Ok(())
}

/// At the limit, what goes makes room for what comes in its place, and what was never committed takes none.
#[test]
fn the_limit_of_the_whole_object_follows_deletions_copies_and_rollbacks() -> Result<()> {
    let runtime = runtime_with([("facets", 4)])?;
    let class = host_class(|ctx, method, args| {
        let facets = ctx.facets();
        let start = || Ok(host_class(|ctx, name, _args| put(ctx, name, "x").map(|()| Value::Null)));
        match (method, args.as_slice()) {
            ("make", [Value::String(name), Value::String(below)]) => {
                facets.get(name, start)?.call_blocking(below, vec![])
            }
            ("copy", [Value::String(from), Value::String(to)]) => {
                facets.clone(from, to).map(|()| Value::Null)
            }
            ("delete", [Value::String(name)]) => facets.delete(name).map(|()| Value::Null),
            ("undo", [Value::String(name)]) => ctx.storage().transaction_sync(|| {
                facets.clone("a", name)?;
                Err(Error::new(ErrorCode::Aborted, "undone"))
            }),
            _ => Err(Error::type_error(method)),
        }
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let call = |method: &str, args: &[&str]| {
        stub.call_blocking(method, args.iter().map(|arg| Value::from(*arg)).collect())
    };
    call("make", &["a", "b"])?; // a, a/b
    call("copy", &["a", "c"])?; // and c, c/b
    assert_fails(call("copy", &["a", "d"]), ErrorCode::LimitFacets, "has 4 facets");
    for _ in 0..3 {
        call("copy", &["a", "c"])?;
        call("delete", &["c"])?;
        assert_fails(call("undo", &["d"]), ErrorCode::Aborted, "undone");
        call("copy", &["a", "c"])?;
    }
    assert_fails(call("make", &["d", "b"]), ErrorCode::LimitFacets, "has 4 facets");
    Ok(())
}
