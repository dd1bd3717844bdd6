//! Facetbox runs code that you don't trust inside your own process: sandboxed apps, each with its own
//! SQLite database, under a supervisor class that you write.
//!
//! ```
//! use facetbox::{Class, Ctx, DurableObject, FacetOptions, Request, Response, Result, Runtime, WorkerCode};
//!
//! struct AppRunner(Ctx);
//!
//! impl DurableObject for AppRunner {
//!     fn fetch(&self, request: Request) -> Result<Response> {
//!         let ctx = self.0.clone();
//!         let app = self.0.facets().get("app", move || {
//!             let worker = ctx.loader().load(WorkerCode::luau(r#"
//!                 local App = DurableObject:extend("App")
//!                 function App:fetch(request)
//!                     local kv = self.ctx.storage.kv
//!                     local count = (kv:get("counter") or 0) + 1
//!                     kv:put("counter", count)
//!                     return Response.new(`You've made {count} requests.\n`)
//!                 end
//!                 return { App = App }
//!             "#))?;
//!             Ok(FacetOptions::new(worker.get_durable_object_class("App", Default::default())))
//!         })?;
//!         app.fetch_blocking(request)
//!     }
//! }
//!
//! let runtime = Runtime::open_in_memory()?;
//! let apps = runtime.namespace("AppRunner", Class::host("AppRunner", |ctx, _env| Ok(AppRunner(ctx))))?;
//! let response = apps.get_by_name("my-app").fetch_blocking(Request::get("http://app/")?)?;
//! assert_eq!(response.body_text(), "You've made 1 requests.\n");
//! # Ok::<(), facetbox::Error>(())
//! ```

#![deny(unsafe_code)]
// Namespaces, actors and classes refer to each other: whether all of it may move between threads is a
// long way for the compiler to see.
#![recursion_limit = "256"]

#[cfg(panic = "abort")]
compile_error!(
    "facetbox needs panic = \"unwind\": with \"abort\" every error of a guest would end the process"
);

mod actor;
mod alarm;
mod bindings;
mod charge;
mod clock;
mod cpu;
mod ctx;
mod deploy;
mod error;
mod executor;
mod facet;
mod given;
mod guest;
mod guide;
mod habit;
mod host;
mod http;
mod id;
mod inbox;
mod json;
mod kept;
mod lanes;
mod limits;
mod loader;
mod log;
#[doc(hidden)]
pub mod medium;
mod metrics;
mod namespace;
mod order;
mod pace;
mod park;
mod process;
mod pulse;
mod revoker;
mod rpc;
mod runtime;
mod storage;
mod stub;
mod tail;
mod tasks;
mod timer;
mod value;
mod view;
mod whole;

pub use actor::{ActorId, Awake, BoxFuture, Class, EventScope};
pub use alarm::{AlarmInfo, Alarms};
pub use bindings::BindingCalls;
pub use clock::ManualClock;
pub use ctx::{ConcurrencyGuard, Ctx, Transaction};
pub use deploy::Deployment;
pub use error::{Error, ErrorCode, HostException, Result};
pub use facet::{FacetOptions, Facets};
pub use guest::{Allocator, Engine};
pub use guide::{guest_guide, guest_types};
pub use host::{
    DurableObject, EventLoopClass, EventLoopObject, facet_stub, no_alarm_handler, no_fetch_handler,
    no_such_method,
};
pub use http::{Headers, Request, Response};
pub use id::ObjectId;
pub use inbox::{Attention, Inbox, Portion};
pub use limits::{Limits, LimitsPatch};
pub use loader::{ExportOptions, Loader, Module, Outbound, WorkerCode, WorkerStub};
pub use metrics::{ErrorCount, EventCount, Histogram, Metrics};
pub use namespace::{Namespace, NamespaceOptions};
pub use num_bigint::BigInt;
pub use revoker::Revoker;
pub use rpc::{HostFunction, HostObject, HostOrigin, RpcStub};
pub use runtime::{Options, Runtime};
pub use storage::{Durability, Kv, KvList, ListOptions, QueryRows, Sql, SqlCursor, Storage};
pub use stub::Stub;
pub use tail::{
    LogLevel, Outcome, Tail, TailEvent, TailException, TailInfo, TailLog, TailReceiver,
};
pub use value::{MAX_DEPTH, Value, ValueMap};
pub use view::View;
pub use whole::{ObjectInfo, Problem, Report, Usage};

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The guide's programs, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/rust.md")]
struct Guide;
