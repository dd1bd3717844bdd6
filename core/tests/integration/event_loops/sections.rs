//! Sections on event loops, chains of calls through them, and the order of these.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use facetbox::{
    BoxFuture, Class, Ctx, ErrorCode, EventLoopClass, EventLoopObject, Result, Runtime, Value,
    ValueMap,
};
use futures_lite::future::{self, block_on};

use super::put;
use super::support::{Polled, one, polled};
use crate::support::{app, assert_fails, facet};

#[test]
fn a_call_that_comes_back_enters_the_section_that_waits_for_it() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let inner = runtime.clone();
    polled(&runtime, "Through", move |_ctx, _method| {
        let own = one(&inner, "Own");
        async move { own?.call_in_order("put", vec![]).await }
    })?;
    let inner = runtime.clone();
    polled(&runtime, "Own", move |ctx, method| {
        let through = one(&inner, "Through");
        async move {
            let through = through?;
            let call = || through.call_in_order("back", vec![]);
            match method.as_str() {
                "block" => {
                    let guard = ctx.block_concurrency()?.await?;
                    guard.scope().enter(call).await
                }
                "commit" | "fail" => {
                    let transaction = ctx.begin_transaction()?.await?;
                    let answer = transaction.scope().enter(call).await?;
                    if method == "commit" {
                        transaction.commit().await?;
                    }
                    Ok(answer)
                }
                _ => put(&ctx, "inside").map(|()| "from within".into()),
            }
        }
    })?;
    let own = runtime.get_namespace("Own")?;
    let kept = |name: &str| {
        let sql = "SELECT count(*) FROM _fb_kv";
        let rows = own.query_blocking(&own.id_from_name(name), &[], sql, vec![])?.rows;
        Ok::<_, facetbox::Error>(rows[0][0] == Value::Int(1))
    };
    for (method, expected) in [("fail", false), ("commit", true), ("block", true)] {
        let outcome = one(&runtime, "Own")?.call_blocking(method, vec![]);
        assert_eq!(outcome, Ok("from within".into()), "{method}");
        assert_eq!(kept("one")?, expected, "{method}");
    }
    Ok(())
}

#[test]
fn sections_on_an_event_loop_are_nested_sixty_four_deep() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = polled(&runtime, "Deep", |ctx, depth| async move {
        let mut guards = Vec::new();
        for _ in 0..depth.parse().expect("a number") {
            let begin = || ctx.block_concurrency();
            let scope = guards.last().map(facetbox::ConcurrencyGuard::scope);
            let begun = scope.map_or_else(begin, |scope| scope.enter(begin))?;
            guards.push(begun.await?);
        }
        Ok(Value::Null)
    })?
    .get_by_name("one");
    assert_eq!(stub.call_blocking("64", vec![]), Ok(Value::Null));
    assert_fails(stub.call_blocking("65", vec![]), ErrorCode::LimitDepth, "nested too deeply");
    assert_eq!(stub.call_blocking("1", vec![]), Ok(Value::Null));
    Ok(())
}

#[test]
fn a_constructor_is_over_when_the_sections_that_it_has_begun_are() -> Result<()> {
    struct Constructed(Polled);
    impl EventLoopClass for Constructed {
        fn construct(
            &self,
            ctx: Ctx,
            env: ValueMap,
        ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>> {
            let begun = ctx.block_concurrency();
            let own = ctx.clone();
            let made = self.0.construct(ctx.clone(), env);
            ctx.spawn(async move {
                let guard = begun.expect("nothing is nested").await.expect("the turn is there");
                // Long enough for an event that isn't kept out.
                for _ in 0..1000 {
                    future::yield_now().await;
                }
                put(&own, "ready").expect("it is stored");
                drop(guard);
            });
            made
        }
    }
    let runtime = Runtime::open_in_memory()?;
    let get = |ctx: Ctx, _method| {
        let ready = ctx.storage().kv().get("ready").map(Option::unwrap_or_default);
        Box::pin(async move { ready }) as BoxFuture<'static, Result<Value>>
    };
    let class = Class::event_loop("Slow", Constructed(Polled(Arc::new(get))));
    let stub = runtime.namespace("Slow", class)?.get_by_name("one");
    assert_eq!(stub.call_blocking("get", vec![])?, Value::Int(1));
    Ok(())
}

#[test]
fn an_answer_waits_until_the_section_of_another_event_is_over() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let other = polled(&runtime, "Other", |_ctx, _method| async { Ok(Value::Null) })?;
    let (sender, made) = mpsc::channel();
    let own = polled(&runtime, "Own", move |ctx, _method| {
        let _ = sender.send(ctx);
        async { Ok(Value::Null) }
    })?;
    own.get_by_name("one").call_blocking("any", vec![])?;
    let ctx = made.recv().expect("it was called");
    let guard = block_on(ctx.block_concurrency()?)?;
    let stub = other.get_by_name("it");
    let mut outside = Box::pin(ctx.scope().enter(|| stub.call("any", vec![])));
    assert_eq!(block_on(future::poll_once(&mut outside)), None);
    let inside = guard.scope().enter(|| stub.call("any", vec![]));
    assert_eq!(block_on(inside), Ok(Value::Null));
    drop(guard);
    assert_eq!(block_on(outside), Ok(Value::Null));
    Ok(())
}

#[test]
fn a_chain_through_event_loops_ends_at_the_depth_limit() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let inner = runtime.clone();
    polled(&runtime, "Chain", move |_ctx, method| {
        let own = one(&inner, "Chain");
        async move { own?.call_in_order(method, vec![]).await }
    })?;
    let outcome = one(&runtime, "Chain")?.call_blocking("again", vec![]);
    assert_fails(outcome, ErrorCode::LimitDepth, "100");
    Ok(())
}

#[test]
fn calls_of_one_facet_keep_their_order_across_stubs() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = app("
        local log = {}
        function App:add(n) table.insert(log, n) return log end");
    let stub = polled(&runtime, "Orders", move |ctx, _method| {
        let (sender, answers) = mpsc::channel();
        for n in 0..50 {
            let (stub, sender) = (facet(&ctx, "app", &code).expect("a good name"), sender.clone());
            let call = stub.call_in_order("add", vec![n.into()]);
            ctx.spawn(async move { sender.send(call.await).expect("somebody waits") });
        }
        drop(sender);
        async move {
            let mut longest = Vec::new();
            loop {
                match answers.try_recv() {
                    Ok(answer) => {
                        let Value::List(log) = answer? else { panic!("it answers a list") };
                        longest = if log.len() > longest.len() { log } else { longest };
                    }
                    Err(mpsc::TryRecvError::Empty) => future::yield_now().await,
                    Err(mpsc::TryRecvError::Disconnected) => return Ok(Value::List(longest)),
                }
            }
        }
    })?
    .get_by_name("one");
    let expected: Vec<Value> = (0..50).map(Value::from).collect();
    assert_eq!(stub.call_blocking("any", vec![])?, Value::List(expected));
    Ok(())
}

#[test]
fn a_call_that_a_transaction_holds_up_holds_up_none_of_its_calls() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = app("function App:echo(n) return n end");
    let stub = polled(&runtime, "Held", move |ctx, _method| {
        let code = code.clone();
        async move {
            let stub = facet(&ctx, "app", &code)?;
            let transaction = ctx.begin_transaction()?.await?;
            let (sender, outside) = mpsc::channel();
            let held = stub.call_in_order("echo", vec![1.into()]);
            ctx.spawn(async move { sender.send(held.await).expect("somebody waits") });
            let within = || stub.call_in_order("echo", vec![2.into()]);
            let within = transaction.scope().enter(within).await?;
            assert!(outside.try_recv().is_err(), "it leaves when the transaction has ended");
            transaction.commit().await?;
            loop {
                match outside.try_recv() {
                    Ok(outside) => return Ok(Value::List(vec![outside?, within])),
                    Err(_) => future::yield_now().await,
                }
            }
        }
    })?
    .get_by_name("one");
    let expected = Value::List(vec![1.into(), 2.into()]);
    assert_eq!(stub.call_blocking("any", vec![])?, expected);
    Ok(())
}

#[test]
fn a_call_that_ends_while_a_transaction_waits_for_its_caller_is_a_deadlock() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    // Whether B's slow method runs, and whether B's transaction has called A.
    let (runs, called) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    async fn until(flag: &AtomicBool) {
        while !flag.load(Ordering::Acquire) {
            future::yield_now().await;
        }
    }
    let inner = runtime.clone();
    polled(&runtime, "A", move |ctx, method| {
        let other = one(&inner, "B");
        async move {
            if method == "hold" {
                let transaction = ctx.begin_transaction()?.await?;
                let other = other?;
                let call = || other.call_in_order("slow", vec![]);
                transaction.scope().enter(call).await?;
            }
            Ok(Value::Null)
        }
    })?;
    let (inner, running, seen) = (runtime.clone(), runs.clone(), called.clone());
    polled(&runtime, "B", move |ctx, method| {
        let (other, running, called) = (one(&inner, "A"), running.clone(), seen.clone());
        async move {
            if method == "slow" {
                running.store(true, Ordering::Release);
                until(&called).await;
            } else {
                let transaction = ctx.begin_transaction()?.await?;
                let other = other?;
                let call = || Box::pin(other.call_in_order("leaf", vec![]));
                let mut call = transaction.scope().enter(call);
                let first = future::poll_once(&mut call).await;
                assert!(first.is_none(), "A's transaction keeps it out");
                called.store(true, Ordering::Release);
                call.await?;
            }
            Ok(Value::Null)
        }
    })?;
    let a = one(&runtime, "A")?;
    let holds = std::thread::spawn(move || a.call_blocking("hold", vec![]));
    block_on(until(&runs));
    let outcomes =
        [one(&runtime, "B")?.call_blocking("hold", vec![]), holds.join().expect("no panic")];
    let codes = outcomes.map(|outcome| outcome.err().map(|error| error.code()));
    let refused = codes.iter().filter(|code| **code == Some(ErrorCode::Deadlock)).count();
    assert!(refused == 1 && codes.contains(&None), "{codes:?}");
    Ok(())
}
