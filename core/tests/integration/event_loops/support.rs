//! Event loops that tests play, and classes on them.

use std::collections::VecDeque;
use std::sync::Arc;

use event_listener::Event as Signal;
use facetbox::{
    BoxFuture, Class, Ctx, EventLoopClass, EventLoopObject, EventScope, Namespace, Request,
    Response, Result, Runtime, Stub, Value, ValueMap,
};
use parking_lot::{Condvar, Mutex};

type Work = Box<dyn FnOnce() + Send>;

/// An event loop: a thread that runs what it is handed, without knowing for which event, as those of Node and
/// Python do.
#[derive(Clone, Default)]
pub struct Loop(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    works: VecDeque<Work>,
    ended: bool,
}

impl Loop {
    pub fn start() -> Loop {
        let own = Loop::default();
        let other = own.clone();
        std::thread::spawn(move || other.run());
        own
    }

    fn run(&self) {
        loop {
            let mut state = self.0.state.lock();
            while state.works.is_empty() && !state.ended {
                self.0.changed.wait(&mut state);
            }
            let Some(work) = state.works.pop_front() else { return };
            drop(state);
            work();
        }
    }

    pub fn post(&self, work: impl FnOnce() + Send + 'static) {
        self.0.state.lock().works.push_back(Box::new(work));
        self.0.changed.notify_one();
    }

    /// Runs `work` on the loop for the event whose code runs here, and gives what comes of it.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let answer = Arc::new((Mutex::new(None), Signal::new()));
        let (scope, given) = (EventScope::current(), answer.clone());
        self.post(move || {
            assert!(EventScope::current().is_none(), "the loop's thread knows no event by itself");
            *given.0.lock() = Some(match scope {
                Some(scope) => scope.enter(work),
                None => work(),
            });
            given.1.notify(1);
        });
        Box::pin(async move {
            loop {
                let listener = answer.1.listen();
                if let Some(outcome) = answer.0.lock().take() {
                    return outcome;
                }
                listener.await;
            }
        })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 2 {
            self.0.state.lock().ended = true;
            self.0.changed.notify_one();
        }
    }
}

pub type Methods = Arc<dyn Fn(&Ctx, &str, Vec<Value>) -> Result<Value> + Send + Sync>;

/// A class whose methods run on a loop, as one function that may block it.
#[derive(Clone)]
pub struct Looped(pub Loop, pub Methods);

struct LoopedObject(Ctx, Looped);

impl EventLoopClass for Looped {
    fn construct(
        &self,
        ctx: Ctx,
        _env: ValueMap,
    ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>> {
        let own = self.clone();
        self.0.ask(move || {
            (own.1)(&ctx, "constructor", vec![])?;
            Ok(Arc::new(LoopedObject(ctx, own)) as Arc<dyn EventLoopObject>)
        })
    }
}

impl EventLoopObject for LoopedObject {
    fn fetch(&self, _request: Request) -> BoxFuture<'static, Result<Response>> {
        Box::pin(async { Err(facetbox::no_fetch_handler()) })
    }

    fn call(&self, method: String, args: Vec<Value>) -> BoxFuture<'static, Result<Value>> {
        let (ctx, methods) = (self.0.clone(), self.1.1.clone());
        self.1.0.ask(move || methods(&ctx, &method, args))
    }
}

pub fn looped(
    runtime: &Runtime,
    methods: impl Fn(&Ctx, &str, Vec<Value>) -> Result<Value> + Send + Sync + 'static,
) -> Result<Namespace> {
    let class = Looped(Loop::start(), Arc::new(methods));
    runtime.namespace("Looped", Class::event_loop("Looped", class))
}

/// A class whose methods are futures that are polled for their event.
#[derive(Clone)]
pub struct Polled(pub Arc<dyn Fn(Ctx, String) -> BoxFuture<'static, Result<Value>> + Send + Sync>);

struct PolledObject(Ctx, Polled);

impl EventLoopClass for Polled {
    fn construct(
        &self,
        ctx: Ctx,
        _env: ValueMap,
    ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>> {
        let object = PolledObject(ctx, self.clone());
        Box::pin(async move { Ok(Arc::new(object) as Arc<dyn EventLoopObject>) })
    }
}

impl EventLoopObject for PolledObject {
    fn fetch(&self, _request: Request) -> BoxFuture<'static, Result<Response>> {
        Box::pin(async { Err(facetbox::no_fetch_handler()) })
    }

    fn call(&self, method: String, _args: Vec<Value>) -> BoxFuture<'static, Result<Value>> {
        (self.1.0)(self.0.clone(), method)
    }
}

pub fn polled<F>(
    runtime: &Runtime,
    name: &str,
    methods: impl Fn(Ctx, String) -> F + Send + Sync + 'static,
) -> Result<Namespace>
where
    F: Future<Output = Result<Value>> + Send + 'static,
{
    let methods = move |ctx, method| Box::pin(methods(ctx, method)) as BoxFuture<'static, _>;
    runtime.namespace(name, Class::event_loop(name, Polled(Arc::new(methods))))
}

/// The object "one" of the namespace `name`, found when it is called.
pub fn one(runtime: &Runtime, name: &str) -> Result<Stub> {
    Ok(runtime.get_namespace(name)?.get_by_name("one"))
}
