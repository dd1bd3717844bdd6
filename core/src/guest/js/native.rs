//! How Rust functions reach the prelude.

#![expect(
    unsafe_code,
    reason = "lifetimes of what the engine holds for Rust, arguments, and errors past catch"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rquickjs::class::{JsClass, Readable, Trace, Tracer};
use rquickjs::function::Constructor;
use rquickjs::object::Property;
use rquickjs::{Array, Class, Ctx, IntoAtom, IntoJs, JsLifetime, Object, Value as JsValue, qjs};

use super::api::Stream;
use super::entry::owned;
use super::errors::{FREE_BYTES, error_to_js, lone_surrogate};
use super::read;
use super::task::Shared;
use super::vm::Hooks;
use crate::actor::ActorId;
use crate::charge::Charge;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::outside::Pending;
use crate::guest::watchdog::{Interrupt, Stop};
use crate::loader::WorkerStub;
use crate::storage::{KvList, SqlCursor};
use crate::value::Value;

/// What the engine holds for Rust. Guests never see one bare.
#[derive(Clone)]
pub(super) enum Handle {
    Value(Value),
    Worker(WorkerStub),
    Id(ActorId),
    Error(HeldError),
    List(Arc<Mutex<KvList>>),
    Cursor(Arc<SqlCursor>),
    /// Arguments that have been copied and not sent yet.
    Args(Arc<Mutex<Option<Args>>>),
    Coder(Arc<Mutex<Stream>>),
    /// One of the weak maps and sets of a machine.
    Weak {
        _count: Arc<WeakCount>,
    },
}

/// Weak maps and sets of one machine at a time. The engine keeps those that an object is in in a list, which it walks through whenever
/// one of them goes.
const MAX_WEAK: usize = 4_096;

/// One of the weak maps and sets of a machine, which are counted.
pub(super) struct WeakCount(Arc<AtomicUsize>);

impl WeakCount {
    pub fn new(count: &Arc<AtomicUsize>) -> Result<WeakCount> {
        // Only the machine's own thread changes it.
        if count.load(Ordering::Relaxed) >= MAX_WEAK {
            let message = format!("There are {MAX_WEAK} instances of WeakMap and WeakSet already.");
            return Err(Error::named(ErrorCode::InvalidArgument, "RangeError", message));
        }
        count.fetch_add(1, Ordering::Relaxed);
        Ok(WeakCount(count.clone()))
    }
}

impl Drop for WeakCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An error that a guest has been told of. Its texts count as the guest's memory, where they are long.
#[derive(Clone)]
pub(super) struct HeldError {
    pub error: Error,
    _charge: Option<Arc<Charge>>,
}

impl HeldError {
    pub fn new(ctx: &Ctx<'_>, shared: &Shared, error: Error) -> HeldError {
        let bytes = error.message().len()
            + error.stack().map_or(0, str::len)
            + error.cause().map_or(0, Value::size);
        let charge = (bytes > FREE_BYTES).then(|| Arc::new(shared.charge(ctx, bytes)));
        HeldError { error: error.lent(), _charge: charge }
    }
}

/// Arguments that have been copied. They count as the guest's memory until the call has ended.
pub(super) struct Args {
    pub values: Vec<Value>,
    pub charge: Charge,
}

/// An object of the engine around a handle.
pub(super) struct Cap(pub Handle);

// SAFETY: it holds nothing with the engine's lifetime.
unsafe impl<'js> JsLifetime<'js> for Cap {
    type Changed<'to> = Cap;
}

impl<'js> Trace<'js> for Cap {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

impl<'js> JsClass<'js> for Cap {
    const NAME: &'static str = "Capability";
    type Mutable = Readable;

    fn constructor(_: &Ctx<'js>) -> rquickjs::Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

impl Cap {
    pub fn make<'js>(ctx: &Ctx<'js>, handle: Handle) -> rquickjs::Result<JsValue<'js>> {
        Ok(Class::instance(ctx.clone(), Cap(handle))?.into_value())
    }

    /// The handle in an object, if it is one of ours.
    pub fn of(value: &JsValue<'_>) -> Option<Handle> {
        let object = value.as_object()?;
        let class = object.as_class::<Cap>()?;
        Some(class.borrow().0.clone())
    }
}

/// Gives an object or array a property of its own, whatever the guest has made all of them inherit.
pub(super) fn set_own<'js>(
    object: &Object<'js>,
    key: impl IntoAtom<'js>,
    value: impl IntoJs<'js>,
) -> rquickjs::Result<()> {
    let value = value.into_js(object.ctx())?;
    object.prop(key, Property::from(value).writable().enumerable().configurable())
}

/// Why a native ends early.
pub(super) enum Fail {
    Ours(Error),
    Js(rquickjs::Error),
}

impl From<Error> for Fail {
    fn from(error: Error) -> Fail {
        Fail::Ours(error)
    }
}

impl From<rquickjs::Error> for Fail {
    fn from(error: rquickjs::Error) -> Fail {
        match error {
            rquickjs::Error::Utf8(_) => Fail::Ours(lone_surrogate()),
            error => Fail::Js(error),
        }
    }
}

pub(super) type Done<'js> = std::result::Result<JsValue<'js>, Fail>;

/// One call of a native.
pub(super) struct Call<'a, 'js> {
    pub shared: &'a Arc<Shared>,
    pub ctx: &'a Ctx<'js>,
    pub hooks: &'a Hooks<'js>,
    /// Borrowed from the engine for the call.
    args: &'a [qjs::JSValue],
}

pub(super) type Native = for<'a, 'js> fn(&Call<'a, 'js>) -> Done<'js>;

/// Runs a native that the engine has called.
pub(super) fn dispatch<'js>(
    native: Native,
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    args: &[qjs::JSValue],
) -> rquickjs::Result<JsValue<'js>> {
    let shared = &hooks.shared;
    let call = Call { shared, ctx, hooks, args };
    let done = match catch_unwind(AssertUnwindSafe(|| native(&call))) {
        Ok(done) => done,
        Err(_) => Err(Error::new(ErrorCode::Panic, "internal error").into()),
    };
    if let Err(Fail::Ours(error)) = &done
        && error.code() == ErrorCode::LimitStorage
    {
        // A guest can't go on by catching it.
        shared.full.lock().get_or_insert_with(|| error.clone());
        shared.guard.interrupt(Stop::Storage);
    }
    if shared.guard.is_stopped() {
        return Err(throw_uncatchable(ctx, hooks));
    }
    match done {
        Ok(value) => Ok(value),
        Err(Fail::Js(error)) => Err(error),
        Err(Fail::Ours(error)) => Err(ctx.throw(error_to_js(ctx, hooks, &error)?)),
    }
}

/// Ends a guest that was stopped while a native ran: no `catch` or `finally` of it runs any more.
fn throw_uncatchable<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>) -> rquickjs::Error {
    let error = Error::new(ErrorCode::Reset, "stopped");
    match error_to_js(ctx, hooks, &error) {
        Ok(value) => {
            // SAFETY: the value is alive and belongs to this context.
            unsafe { qjs::JS_SetUncatchableError(ctx.as_raw().as_ptr(), value.as_raw()) };
            ctx.throw(value)
        }
        Err(error) => error,
    }
}

impl<'js> Call<'_, 'js> {
    /// An argument; undefined if it is absent.
    pub fn arg(&self, at: usize) -> JsValue<'js> {
        match self.args.get(at) {
            None => JsValue::new_undefined(self.ctx.clone()),
            // SAFETY: the engine keeps it alive for the call.
            Some(value) => unsafe { owned(self.ctx, *value) },
        }
    }

    /// An argument, if it is neither undefined nor null.
    pub fn present(&self, at: usize) -> Option<JsValue<'js>> {
        Some(self.arg(at)).filter(|value| !value.is_undefined() && !value.is_null())
    }

    /// Text that the prelude has made sure of.
    pub fn text(&self, at: usize) -> std::result::Result<String, Fail> {
        match self.arg(at).as_string() {
            Some(text) => Ok(text.to_string()?),
            None => Err(Error::type_error("Wrong argument: expected a string.").into()),
        }
    }

    pub fn number(&self, at: usize) -> std::result::Result<f64, Fail> {
        let number = self.arg(at).as_number();
        Ok(number.ok_or_else(|| Error::type_error("Wrong argument: expected a number."))?)
    }

    /// A number of the prelude's: a task, an operation, a depth.
    pub fn index(&self, at: usize) -> std::result::Result<u64, Fail> {
        self.number(at).map(|number| number as u64)
    }

    pub fn flag(&self, at: usize) -> bool {
        self.arg(at).as_bool().unwrap_or_default()
    }

    pub fn handle(&self, at: usize) -> Result<Handle> {
        Cap::of(&self.arg(at)).ok_or_else(illegal)
    }

    /// The value that a capability stands for.
    pub fn capability(&self, at: usize) -> Result<Value> {
        match self.handle(at)? {
            Handle::Value(value) => Ok(value),
            _ => Err(illegal()),
        }
    }

    /// Copies an argument; functions can't be copied.
    pub fn read(&self, at: usize) -> Result<Value> {
        let limit = self.shared.actor()?.limits.message_bytes;
        read::value(self.ctx, self.hooks, &self.arg(at), limit, None)
    }

    /// Copies an argument that is stored.
    pub fn read_stored(&self, at: usize) -> Result<Value> {
        let limit = self.shared.actor()?.limits.message_bytes;
        read::stored(self.ctx, self.hooks, &self.arg(at), limit)
    }

    /// Copies what is bound to the parameters of a query.
    pub fn read_bindings(&self, at: usize) -> Result<Vec<Value>> {
        let limit = self.shared.actor()?.limits.message_bytes;
        let list = self.arg(at);
        read::bindings(self.ctx, self.hooks, list.as_array().ok_or_else(illegal)?, limit)
    }

    /// Copies a list of arguments for a call to the outside, whose functions become callbacks.
    pub fn read_args(&self, at: usize) -> Result<Args> {
        let limit = self.shared.actor()?.limits.message_bytes;
        match read::value(self.ctx, self.hooks, &self.arg(at), limit, Some(self.shared))? {
            Value::List(values) => {
                let charge = self.charge(values.iter().map(Value::size).sum());
                Ok(Args { values, charge })
            }
            _ => Err(Error::type_error("Wrong argument: expected an array.")),
        }
    }

    /// Counts bytes that the host holds as the guest's memory.
    pub fn charge(&self, bytes: usize) -> Charge {
        self.shared.charge(self.ctx, bytes)
    }

    /// Ends the guest if what is held for it doesn't fit into its memory, beside what is no garbage.
    pub fn check_memory(&self) {
        self.shared.check_memory(self.ctx);
    }

    pub fn undefined(&self) -> Done<'js> {
        Ok(JsValue::new_undefined(self.ctx.clone()))
    }

    pub fn give_cap(&self, handle: Handle) -> Done<'js> {
        Ok(Cap::make(self.ctx, handle)?)
    }

    pub fn give_number(&self, number: f64) -> Done<'js> {
        Ok(JsValue::new_number(self.ctx.clone(), number))
    }

    /// Begins an operation, and gives its promise. `is_call`: its answer is that of a call.
    pub fn begin(&self, pending: Pending, is_call: bool) -> Done<'js> {
        let number = self.shared.begin(pending)?;
        Ok(self.hooks.waiting.promise(self.ctx, number, is_call)?)
    }

    pub fn give_bool(&self, flag: bool) -> Done<'js> {
        Ok(JsValue::new_bool(self.ctx.clone(), flag))
    }

    pub fn give_text(&self, text: &str) -> Done<'js> {
        Ok(rquickjs::String::from_str(self.ctx.clone(), text)?.into_value())
    }
}

pub(super) fn illegal() -> Error {
    Error::type_error("Illegal invocation.")
}

/// The length of a list. A guest may have put one there that the prelude hasn't made; the binding's own
/// function knows no lengths above 2^31.
pub(super) fn length(list: &Array<'_>) -> rquickjs::Result<usize> {
    list.as_object().get::<_, f64>("length").map(|length| length as usize)
}
