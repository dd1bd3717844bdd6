//! Classes on event loops: what leaves them is durable, and their calls belong to a chain.

mod sections;
mod support;

use std::sync::{Arc, mpsc};

use facetbox::{Class, Ctx, ErrorCode, EventScope, HostFunction, Result, Runtime, Stub, Value};
use futures_lite::future::block_on;

use crate::support::{app, assert_fails, host_class};
use support::{Loop, Looped, looped};

/// What an operator sees of the object "one": what is committed.
fn committed(runtime: &Runtime, key: &str) -> Result<bool> {
    let looped = runtime.get_namespace("Looped")?;
    let sql = "SELECT 1 FROM _fb_kv WHERE key = ?";
    match looped.query_blocking(&looped.id_from_name("one"), &[], sql, vec![key.into()]) {
        Ok(rows) => Ok(!rows.rows.is_empty()),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The object "other", whose method `look` answers whether a key of the object "one" is committed.
fn witness(runtime: &Runtime) -> Result<Stub> {
    let weak = runtime.clone();
    let class = host_class(move |_ctx, _method, args| {
        committed(&weak, args[0].as_str().unwrap_or_default()).map(Value::from)
    });
    Ok(runtime.namespace("Witness", class)?.get_by_name("other"))
}

pub fn put(ctx: &Ctx, key: &str) -> Result<()> {
    ctx.storage().kv().put(key, &Value::Int(1))
}

/// A call as code on a loop makes it, which this code waits for.
fn call(stub: &Stub, method: &str, args: &[&str]) -> Result<Value> {
    block_on(stub.call_in_order(method, args.iter().map(|arg| (*arg).into()).collect()))
}

#[test]
fn what_was_written_before_a_call_is_committed_when_it_arrives() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let witness = witness(&runtime)?;
    let stub = looped(&runtime, move |ctx, method, _args| {
        if method == "constructor" {
            return Ok(Value::Null);
        }
        put(ctx, "told")?;
        call(&witness, "look", &["told"])
    })?
    .get_by_name("one");
    assert_eq!(stub.call_blocking("tell", vec![])?, Value::Bool(true));
    Ok(())
}

#[test]
fn code_that_outlives_its_event_is_held_to_the_gate_too() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let witness = witness(&runtime)?;
    let (sender, seen) = mpsc::channel();
    let event_loop = Loop::start();
    let later = event_loop.clone();
    let methods = move |ctx: &Ctx, method: &str, _args: Vec<Value>| {
        if method == "go" {
            let (ctx, witness, sender) = (ctx.clone(), witness.clone(), sender.clone());
            let scope = EventScope::current().expect("a handler runs in its event");
            later.post(move || {
                let late =
                    move || put(&ctx, "late").and_then(|()| call(&witness, "look", &["late"]));
                let _ = sender.send(scope.enter(late));
            });
        }
        Ok(Value::Null)
    };
    let class = Class::event_loop("Looped", Looped(event_loop, Arc::new(methods)));
    runtime.namespace("Looped", class)?.get_by_name("one").call_blocking("go", vec![])?;
    assert_eq!(seen.recv().expect("it was told"), Ok(Value::Bool(true)));
    Ok(())
}

#[test]
fn a_call_whose_commit_fails_is_not_made() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (told, count) = mpsc::channel();
    let other = runtime.namespace(
        "Other",
        host_class(move |_ctx, _method, _args| {
            let _ = told.send(());
            Ok(Value::Null)
        }),
    )?;
    let stub = looped(&runtime, move |ctx, method, _args| {
        if method != "constructor" {
            ctx.begin_turn()?;
            let sql = ctx.storage().sql();
            sql.exec("CREATE TABLE parent (id INTEGER PRIMARY KEY)", vec![])?;
            let child = "CREATE TABLE child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)";
            sql.exec(child, vec![])?;
            sql.exec("INSERT INTO child VALUES (7)", vec![])?;
            ctx.end_turn();
            // Whatever comes of it: the caller hears of the commit.
            let _ = call(&other.get_by_name("it"), "tell", &[]);
        }
        Ok(Value::Null)
    })?
    .get_by_name("one");
    assert_fails(stub.call_blocking("go", vec![]), ErrorCode::Reset, "FOREIGN KEY");
    assert!(count.try_recv().is_err());
    Ok(())
}

#[test]
fn what_a_host_function_has_written_is_committed_before_it_calls_and_before_its_answer_goes_on()
-> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let witness = witness(&runtime)?;
    let stub = looped(&runtime, move |ctx, method, _args| {
        if method == "constructor" {
            return Ok(Value::Null);
        }
        let mut code = app("function App:go()
            self.env.NOTE()
            return self.env.WITNESS:look('noted') and self.env.TELL()
        end");
        let (own, other, told) = (ctx.clone(), ctx.clone(), witness.clone());
        let note = move |_args| put(&own, "noted").map(|()| Value::Null);
        let tell = move |_args| put(&other, "told").and_then(|()| call(&told, "look", &["told"]));
        code.env.insert("NOTE", HostFunction::new("note", note));
        code.env.insert("TELL", HostFunction::new("tell", tell));
        code.env.insert("WITNESS", witness.clone());
        let loader = ctx.loader();
        let start =
            move || Ok(loader.load(code)?.get_durable_object_class("App", Default::default()));
        call(&ctx.facets().get("app", start)?, "go", &[])
    })?
    .get_by_name("one");
    assert_eq!(stub.call_blocking("go", vec![])?, Value::Bool(true));
    Ok(())
}

#[test]
fn an_abort_discards_what_its_own_turn_of_the_loop_has_written_only() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let objects = looped(&runtime, |ctx, method, _args| {
        ctx.begin_turn()?;
        match method {
            "abort" => {
                put(ctx, "earlier")?;
                ctx.end_turn();
                ctx.begin_turn()?;
                put(ctx, "own")?;
                Err(ctx.abort(Some("enough")))
            }
            "break" => {
                put(ctx, "before")?;
                ctx.end_turn();
                Err(ctx.abort(Some("at once")))
            }
            _ => Ok(Value::Null),
        }
    })?;
    for (method, reason) in [("abort", "enough"), ("break", "at once")] {
        let outcome = objects.get_by_name("one").call_blocking(method, vec![]);
        assert_fails(outcome, ErrorCode::Aborted, reason);
    }
    let seen = ["earlier", "own", "before"].map(|key| committed(&runtime, key));
    assert_eq!(seen, [Ok(true), Ok(false), Ok(true)]);
    Ok(())
}
