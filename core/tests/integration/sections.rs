//! What keeps other events out while it waits: `blockConcurrencyWhile()` and `transaction()`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use event_listener::Event as Signal;
use facetbox::{
    BoxFuture, Class, Ctx, ErrorCode, EventLoopClass, EventLoopObject, HostFunction, Request,
    Response, Result, Runtime, Stub, Value, ValueMap, WorkerCode,
};
use futures_lite::future::{block_on, poll_once};

use crate::support::{app, assert_fails, host_class, own, runtime_with};

const LUAU: &str = "
    function App:get(key) return self.ctx.storage.kv:get(key) end
    function App:put(key) self.ctx.storage.kv:put(key, 1) end
    function App:transact(how)
        self.ctx.storage.kv:put('before', 1)
        return self.ctx.storage:transaction(function(txn)
            txn:put('inside', 1)
            self.env.pause()
            txn:put('after', 1)
            if how == 'fail' then error({ name = 'RangeError', message = 'on purpose' }) end
            if how == 'rollback' then txn:rollback() end
            return how
        end)
    end
    function App:block(key)
        self.ctx:blockConcurrencyWhile(function() self.env.pause() end)
    end
    function App:nest(depth)
        if depth == 0 then return 'bottom' end
        return self.ctx.storage:transaction(function() return self:nest(depth - 1) end)
    end
    function App:back()
        return self.ctx.storage:transaction(function(txn)
            txn:put('outer', 1)
            self.ctx.exports.App:getByName('one'):put('inner')
            error('on purpose')
        end)
    end
    function App:begin(key, method)
        local storage = self.ctx.storage
        local co = coroutine.create(function()
            return storage[method](storage, function(txn)
                storage.kv:put(key, 1)
                local how = coroutine.yield()
                if how == 'fail' then error({ name = 'RangeError', message = 'on purpose' }) end
                if how == 'rollback' then txn:rollback() end
            end)
        end)
        coroutine.resume(co)
        return function(how)
            local ok, thrown = coroutine.resume(co, how)
            return if ok then 'ended' else thrown.message
        end
    end
    function App:beside(method, first, second)
        local a, b = self:begin('a', method), self:begin('b', method)
        return { a(first), b(second) }
    end
    function App:leave() self.left = self:begin('left', 'transaction') end
    function App:leave_within()
        return self.ctx.storage:transaction(function(txn)
            txn:put('outer', 1)
            self.ctx.exports.App:getByName('one'):leave()
        end)
    end
    function App:resume_left()
        self.ctx.storage:transaction(function(txn)
            txn:put('inside', 1)
            local how = self.left('commit')
            self.env.pause()
            error(how)
        end)
    end
    function App:left_behind()
        coroutine.wrap(function()
            self.ctx.storage:transactionSync(function()
                self.ctx.storage.kv:put('left', 1)
                coroutine.yield()
            end)
        end)()
    end
";

#[cfg(feature = "quickjs")]
const JS: &str = "
    import { DurableObject } from 'cloudflare:workers';
    export class App extends DurableObject {
        get(key) { return this.ctx.storage.kv.get(key); }
        put(key) { this.ctx.storage.kv.put(key, 1); }
        transact(how) {
            this.ctx.storage.kv.put('before', 1);
            return this.ctx.storage.transaction(async (txn) => {
                await txn.put('inside', 1);
                await this.env.pause();
                await txn.put('after', 1);
                if (how === 'fail') throw new RangeError('on purpose');
                if (how === 'rollback') txn.rollback();
                return how;
            });
        }
        block(key) { return this.ctx.blockConcurrencyWhile(() => this.env.pause()); }
        nest(depth) {
            if (depth === 0) return 'bottom';
            return this.ctx.storage.transaction(() => this.nest(depth - 1));
        }
        back() {
            return this.ctx.storage.transaction(async (txn) => {
                await txn.put('outer', 1);
                await this.ctx.exports.App.getByName('one').put('inner');
                throw new Error('on purpose');
            });
        }
        async beside() {
            const put = (key, pause) => this.ctx.storage.transaction(async (txn) => {
                await txn.put(key, 1);
                if (pause) await this.env.pause();
            });
            await Promise.all([put('first', false), put('second', true)]);
        }
    }
";

fn languages() -> Vec<WorkerCode> {
    let luau = app(LUAU);
    #[cfg(feature = "quickjs")]
    let js = WorkerCode::js(JS);
    vec![
        luau,
        #[cfg(feature = "quickjs")]
        js,
    ]
}

/// A place where code of a guest waits until the test lets it go on.
#[derive(Clone, Default)]
struct Pause(Arc<Gate>);

#[derive(Default)]
struct Gate {
    reached: Switch,
    open: Switch,
}

/// Something that comes to be true, once.
#[derive(Default)]
struct Switch {
    on: AtomicBool,
    changed: Signal,
}

impl Switch {
    fn set(&self) {
        self.on.store(true, Ordering::SeqCst);
        self.changed.notify(usize::MAX);
    }

    async fn wait(&self) {
        loop {
            let listener = self.changed.listen();
            if self.on.load(Ordering::SeqCst) {
                return;
            }
            listener.await;
        }
    }
}

impl Pause {
    fn function(&self) -> HostFunction {
        let pause = self.clone();
        HostFunction::new_async("pause", move |_args| {
            let pause = pause.clone();
            Box::pin(async move {
                pause.reach().await;
                Ok(Value::Null)
            })
        })
    }

    /// Says that it is there, and waits.
    async fn reach(&self) {
        self.0.reached.set();
        self.0.open.wait().await;
    }

    fn wait(&self) {
        block_on(self.0.reached.wait());
    }

    fn go(&self) {
        self.0.open.set();
    }
}

/// An object of the code whose `env.pause` is `pause`.
fn object(runtime: &Runtime, mut code: WorkerCode, pause: &Pause) -> Result<Stub> {
    code.env.insert("pause", pause.function());
    own(runtime, code)
}

fn spawn(stub: &Stub, method: &'static str, arg: &str) -> JoinHandle<Result<Value>> {
    let (stub, arg) = (stub.clone(), Value::from(arg));
    thread::spawn(move || stub.call_blocking(method, vec![arg]))
}

fn keys(stub: &Stub, keys: &[&str]) -> Result<Vec<bool>> {
    let get = |key: &&str| stub.call_blocking("get", vec![(*key).into()]);
    keys.iter().map(|key| Ok(get(key)? == Value::Int(1))).collect()
}

/// Calls `put` while the paused event keeps the turn, and lets that go on.
fn put_while_paused(stub: &Stub, pause: &Pause) -> Result<()> {
    pause.wait();
    let mut put = Box::pin(stub.call("put", vec!["other".into()]));
    assert!(block_on(poll_once(&mut put)).is_none(), "another event was let in");
    pause.go();
    block_on(put).map(drop)
}

#[test]
fn a_transaction_waits_for_others_and_keeps_events_out_of_it() -> Result<()> {
    for code in languages() {
        for (how, kept) in [("commit", true), ("fail", false), ("rollback", false)] {
            let (runtime, pause) = (Runtime::open_in_memory()?, Pause::default());
            let stub = object(&runtime, code.clone(), &pause)?;
            let transact = spawn(&stub, "transact", how);
            put_while_paused(&stub, &pause)?;
            match (how, transact.join().expect("no panic")) {
                ("fail", outcome) => {
                    let error = assert_fails(outcome, ErrorCode::GuestError, "on purpose");
                    assert_eq!(error.name(), "RangeError");
                }
                (how, outcome) => assert_eq!(outcome?, Value::from(how)),
            }
            let expected = [true, kept, kept, true];
            assert_eq!(keys(&stub, &["before", "inside", "after", "other"])?, expected, "{how}");
        }
    }
    Ok(())
}

#[test]
fn a_section_keeps_events_out() -> Result<()> {
    for code in languages() {
        let (runtime, pause) = (Runtime::open_in_memory()?, Pause::default());
        let stub = object(&runtime, code, &pause)?;
        let block = spawn(&stub, "block", "");
        put_while_paused(&stub, &pause)?;
        block.join().expect("no panic")?;
        assert_eq!(keys(&stub, &["other"])?, [true]);
    }
    Ok(())
}

#[test]
fn a_section_that_takes_too_long_resets_the_object() -> Result<()> {
    for code in languages() {
        for method in ["block", "transact"] {
            let runtime = runtime_with([("blockMs", 20)])?;
            let stub = object(&runtime, code.clone(), &Pause::default())?;
            let outcome = stub.call_blocking(method, vec!["".into()]);
            let error = assert_fails(outcome, ErrorCode::LimitWall, "waited for too long");
            assert_eq!(error.name(), "Error");
            assert_fails(
                stub.call_blocking("get", vec!["a".into()]),
                ErrorCode::LimitWall,
                "reset",
            );
            let stub = runtime.get_namespace("App")?.get_by_name("one");
            let before = method == "transact";
            assert_eq!(keys(&stub, &["before", "inside"])?, [before, false]);
        }
    }
    Ok(())
}

#[test]
fn the_wall_limit_of_an_event_is_one_of_its_sections() -> Result<()> {
    for code in languages() {
        // Enough for the machine to be made, on a busy computer, too.
        let runtime = runtime_with([("wallMs", 500)])?;
        let stub = object(&runtime, code, &Pause::default())?;
        let outcome = stub.call_blocking("block", vec!["".into()]);
        assert_fails(outcome, ErrorCode::LimitWall, "waited for too long");
    }
    Ok(())
}

#[test]
fn sections_are_nested_sixty_four_deep() -> Result<()> {
    for code in languages() {
        let runtime = Runtime::open_in_memory()?;
        let stub = object(&runtime, code, &Pause::default())?;
        assert_eq!(stub.call_blocking("nest", vec![64.into()])?, Value::from("bottom"));
        let outcome = stub.call_blocking("nest", vec![65.into()]);
        assert_fails(outcome, ErrorCode::GuestError, "nested too deeply");
        assert_eq!(stub.call_blocking("nest", vec![1.into()])?, Value::from("bottom"));
    }
    Ok(())
}

#[test]
fn a_call_that_comes_back_is_part_of_the_transaction() -> Result<()> {
    for code in languages() {
        let runtime = Runtime::open_in_memory()?;
        let stub = object(&runtime, code, &Pause::default())?;
        assert_fails(stub.call_blocking("back", vec![]), ErrorCode::GuestError, "on purpose");
        assert_eq!(keys(&stub, &["outer", "inner"])?, [false, false]);
    }
    Ok(())
}

#[test]
fn a_cancelled_section_resets_the_instance() -> Result<()> {
    for code in languages() {
        let (runtime, pause) = (Runtime::open_in_memory()?, Pause::default());
        let stub = object(&runtime, code, &pause)?;
        let mut transact = Box::pin(stub.call("transact", vec!["commit".into()]));
        assert!(block_on(poll_once(&mut transact)).is_none());
        drop(transact);
        assert_eq!(keys(&stub, &["before", "inside"])?, [true, false]);
    }
    Ok(())
}

#[test]
fn a_transaction_whose_code_is_left_behind_is_rolled_back() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, app(LUAU))?;
    stub.call_blocking("left_behind", vec![])?;
    stub.call_blocking("put", vec!["kept".into()])?;
    assert_eq!(keys(&stub, &["left", "kept"])?, [false, true]);
    Ok(())
}

/// Of transactions that coroutines have open beside each other the first can't be committed before the second.
#[test]
fn a_transaction_is_rolled_back_with_those_begun_after_it() -> Result<()> {
    let refused = "out of order";
    for method in ["transaction", "transactionSync"] {
        for (first, second, reasons) in [
            ("commit", "commit", [refused, refused]),
            ("commit", "fail", [refused, "on purpose"]),
            ("fail", "commit", ["on purpose", refused]),
        ] {
            let runtime = Runtime::open_in_memory()?;
            let stub = own(&runtime, app(LUAU))?;
            let args = [method, first, second].map(Value::from);
            let Value::List(messages) = stub.call_blocking("beside", args.into())? else {
                panic!("two messages");
            };
            for (message, reason) in messages.iter().zip(reasons) {
                assert!(message.as_str().is_some_and(|it| it.contains(reason)), "{messages:?}");
            }
            assert_eq!(keys(&stub, &["a", "b"])?, [false, false], "{method} {first} {second}");
        }
    }
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, app(LUAU))?;
    let args = ["transaction", "rollback", "commit"].map(Value::from);
    let Value::List(messages) = stub.call_blocking("beside", args.into())? else {
        panic!("two messages");
    };
    assert!(messages[0].as_str().is_some_and(|it| it.contains("nested")), "{messages:?}");
    assert_eq!(keys(&stub, &["a", "b"])?, [false, false]);
    Ok(())
}

#[test]
fn what_an_event_has_left_behind_ends_no_transaction_of_another() -> Result<()> {
    let (runtime, pause) = (Runtime::open_in_memory()?, Pause::default());
    let stub = object(&runtime, app(LUAU), &pause)?;
    stub.call_blocking("leave", vec![])?;
    let resume = spawn(&stub, "resume_left", "");
    put_while_paused(&stub, &pause)?;
    let outcome = resume.join().expect("no panic");
    assert_fails(outcome, ErrorCode::GuestError, "out of order");
    assert_eq!(keys(&stub, &["left", "inside", "other"])?, [false, false, true]);
    stub.call_blocking("leave_within", vec![])?;
    assert_eq!(keys(&stub, &["outer", "left"])?, [true, false]);
    Ok(())
}

#[cfg(feature = "quickjs")]
#[test]
fn transactions_begun_beside_each_other_end_in_order() -> Result<()> {
    let (runtime, pause) = (Runtime::open_in_memory()?, Pause::default());
    let stub = object(&runtime, languages().remove(1), &pause)?;
    let beside = spawn(&stub, "beside", "");
    put_while_paused(&stub, &pause)?;
    beside.join().expect("no panic")?;
    assert_eq!(keys(&stub, &["first", "second", "other"])?, [true, true, true]);
    Ok(())
}

#[test]
fn the_body_of_a_hosts_transaction_may_call_others_and_that_of_a_sync_one_not() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let other = own(&runtime, app(LUAU))?;
    let class = host_class(move |ctx, method, _args| {
        let storage = ctx.storage();
        let body = || {
            storage.kv().put("inside", &Value::Int(1))?;
            other.call_blocking("put", vec!["told".into()])?;
            other.call_blocking("get", vec!["told".into()])
        };
        match method {
            "transaction" => storage.transaction(body),
            "transaction_sync" => storage.transaction_sync(body),
            _ => Ok(storage.kv().get("inside")?.unwrap_or(Value::Null)),
        }
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let outcome = stub.call_blocking("transaction_sync", vec![]);
    assert_fails(outcome, ErrorCode::InvalidArgument, "can't call others");
    assert_eq!(stub.call_blocking("get", vec![])?, Value::Null);
    assert_eq!(stub.call_blocking("transaction", vec![])?, Value::Int(1));
    assert_eq!(stub.call_blocking("get", vec![])?, Value::Int(1));
    Ok(())
}

/// A class on an event loop that this test plays: whatever its methods do is done when they are polled.
struct Looped(Pause);

struct LoopedObject(Ctx, Pause);

impl EventLoopClass for Looped {
    fn construct(
        &self,
        ctx: Ctx,
        _env: ValueMap,
    ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>> {
        let pause = self.0.clone();
        Box::pin(async move { Ok(Arc::new(LoopedObject(ctx, pause)) as Arc<dyn EventLoopObject>) })
    }
}

impl EventLoopObject for LoopedObject {
    fn fetch(&self, _request: Request) -> BoxFuture<'static, Result<Response>> {
        Box::pin(async { Err(facetbox::no_fetch_handler()) })
    }

    fn call(&self, method: String, args: Vec<Value>) -> BoxFuture<'static, Result<Value>> {
        let (ctx, pause) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            let key = args.first().and_then(Value::as_str).unwrap_or_default();
            match method.as_str() {
                "get" => Ok(ctx.storage().kv().get(key)?.unwrap_or(Value::Null)),
                "put" => ctx.storage().kv().put(key, &Value::Int(1)).map(|()| Value::Null),
                "block" => {
                    let _guard = ctx.block_concurrency()?.await?;
                    pause.reach().await;
                    Ok(Value::Null)
                }
                _ => {
                    ctx.storage().kv().put("before", &Value::Int(1))?;
                    let txn = ctx.begin_transaction()?.await?;
                    let nested = txn.scope().enter(|| ctx.begin_transaction())?.await?;
                    ctx.storage().kv().put("inside", &Value::Int(1))?;
                    pause.reach().await;
                    nested.commit().await?;
                    if key == "commit" {
                        txn.commit().await?
                    } else {
                        drop(txn)
                    }
                    Ok(Value::Null)
                }
            }
        })
    }
}

fn looped(runtime: &Runtime, pause: &Pause) -> Result<Stub> {
    let class = Class::event_loop("Looped", Looped(pause.clone()));
    Ok(runtime.namespace("Looped", class)?.get_by_name("one"))
}

#[test]
fn a_class_on_an_event_loop_has_transactions_that_wait() -> Result<()> {
    for (how, kept) in [("commit", true), ("rollback", false)] {
        let (runtime, pause) = (Runtime::open_in_memory()?, Pause::default());
        let stub = looped(&runtime, &pause)?;
        let transact = spawn(&stub, "transact", how);
        put_while_paused(&stub, &pause)?;
        transact.join().expect("no panic")?;
        assert_eq!(keys(&stub, &["before", "inside", "other"])?, [true, kept, true]);
    }
    Ok(())
}

#[test]
fn a_section_on_an_event_loop_that_takes_too_long_resets_the_object() -> Result<()> {
    let runtime = runtime_with([("blockMs", 20)])?;
    let stub = looped(&runtime, &Pause::default())?;
    let outcome = stub.call_blocking("block", vec![]);
    assert_fails(outcome, ErrorCode::LimitWall, "waited for too long");
    let stub = runtime.get_namespace("Looped")?.get_by_name("one");
    assert_eq!(keys(&stub, &["a"])?, [false]);
    Ok(())
}
