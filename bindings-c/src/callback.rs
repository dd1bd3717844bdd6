//! Functions of the host that the library calls, with the data that they are called with.

use std::ffi::c_void;

use facetbox::{
    AlarmInfo, Ctx, Error, ErrorCode, FacetOptions, Request, Response, Result, TailEvent, Value,
    ValueMap, WorkerCode,
};

use crate::ctx::facetbox_ctx_t;
use crate::deployment::facetbox_deployment_t;
use crate::error::facetbox_error_t;
use crate::facets::facetbox_facet_options_t;
use crate::request::facetbox_request_t;
use crate::response::facetbox_response_t;
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;
use crate::worker_code::facetbox_worker_code_t;

/// Tells the host that its `user_data` isn't needed any more. Called exactly once, from any thread,
/// also when the function that took the data failed. NULL where there is nothing to free.
pub type facetbox_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Makes an instance of a host class and stores it in `*instance`. It owns `ctx` and may keep it as
/// long as it likes; `env` is a map, borrowed during the call.
pub type facetbox_construct_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        ctx: Box<facetbox_ctx_t>,
        env: &facetbox_value_t,
        instance: &mut *mut c_void,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// A function of the host. `args` is a list, borrowed during the call. It stores its result, which
/// the library takes over, in `*result` (NULL there means null) and returns NULL, or returns an error.
pub type facetbox_function_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        args: &facetbox_value_t,
        result: &mut Option<Box<facetbox_value_t>>,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// The methods of a host object, by name; see `facetbox_function_fn`. For names it doesn't know it
/// returns `facetbox_error_no_such_method`.
pub type facetbox_method_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        method: facetbox_str_t,
        args: &facetbox_value_t,
        result: &mut Option<Box<facetbox_value_t>>,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// Answers a request, which is borrowed during the call, by storing a response in `*response`.
pub type facetbox_fetch_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request: &facetbox_request_t,
        response: &mut Option<Box<facetbox_response_t>>,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// What an alarm's handler is told.
#[repr(C)]
pub struct facetbox_alarm_info_t {
    /// The time that the alarm was set to, in Unix milliseconds; the same for every retry.
    pub scheduled_time_ms: i64,
    /// How often the handler has failed before.
    pub retry_count: u32,
    /// Whether this is a retry.
    pub is_retry: bool,
}

/// Runs when an alarm is due. `info` is borrowed during the call. An error makes the alarm be tried
/// again, up to six times, after 2, 4, 8, ... seconds.
pub type facetbox_alarm_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        info: &facetbox_alarm_info_t,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// Says what a facet is an instance of, by storing options in `*options`.
pub type facetbox_start_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        options: &mut Option<Box<facetbox_facet_options_t>>,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// Gives the code of a worker that isn't cached, by storing it in `*code`.
pub type facetbox_code_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        code: &mut Option<Box<facetbox_worker_code_t>>,
    ) -> Option<Box<facetbox_error_t>>,
>;

/// Says whether an instance has a handler of alarms. Asked when it has been made.
pub type facetbox_has_alarm_fn = Option<unsafe extern "C" fn(instance: *mut c_void) -> bool>;

/// The body of a transaction. An error rolls the transaction back.
pub type facetbox_body_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void) -> Option<Box<facetbox_error_t>>>;

/// Receives tail events. `event`, borrowed during the call, is a map with the keys `event` (what it was),
/// `eventType` (`fetch`, `rpc`, `alarm`, `tail`, `task`), `eventTimestamp`, `namespace`,
/// `durableObjectId`, `objectName`, `facets` (names), `entrypoint`, `executionModel`, `outcome` (`ok`,
/// `exception`, `exceededCpu`, ...), `cpuTime` and `wallTime` in milliseconds, `logs` (maps with
/// `timestamp`, `level`, and `message`, a list of texts), `exceptions` (maps with `timestamp`, `name`,
/// `message`, `stack`), `truncated`, `subrequests`, `bindings` (how often it called each binding of its `env`, by
/// name, such as `AI` or `STORE.get`, `globalOutbound` for `fetch()`), `dropped`. Texts are as guests wrote
/// them: treat them as untrusted.
pub type facetbox_tail_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: &facetbox_value_t)>;

/// Receives the result of an asynchronous call, once: either an error or a value, and owns it.
pub type facetbox_call_done_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        error: Option<Box<facetbox_error_t>>,
        result: Option<Box<facetbox_value_t>>,
    ),
>;

/// Receives the result of an asynchronous fetch, once: either an error or a response, and owns it.
pub type facetbox_fetch_done_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        error: Option<Box<facetbox_error_t>>,
        response: Option<Box<facetbox_response_t>>,
    ),
>;

/// Receives the outcome of an asynchronous deployment, once: either an error or a handle, and owns it.
pub type facetbox_deploy_done_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        error: Option<Box<facetbox_error_t>>,
        deployment: Option<Box<facetbox_deployment_t>>,
    ),
>;

/// Data of the host, given back to it when the last user is gone.
pub struct ForeignData {
    data: *mut c_void,
    drop: facetbox_drop_fn,
}

// SAFETY: the header says that callbacks and their `drop` are called from any thread, so the host
// has agreed that the data moves between threads. We never look at what the pointer points to.
unsafe impl Send for ForeignData {}

// SAFETY: as above: the header says that callbacks may run on several threads at a time, except
// those of one instance or one start, which `class` and core serialise.
unsafe impl Sync for ForeignData {}

impl ForeignData {
    /// Takes over the host's data: from here on `drop` will be called, whatever happens.
    pub fn new(data: *mut c_void, drop: facetbox_drop_fn) -> ForeignData {
        ForeignData { data, drop }
    }

    /// Whether the data came with this `drop`.
    pub fn is_of(&self, drop: facetbox_drop_fn) -> bool {
        let address = |function: facetbox_drop_fn| function.map(|function| function as usize);
        address(self.drop) == address(drop)
    }

    /// The pointer, to be handed to the host's functions.
    pub fn pointer(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for ForeignData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the host gave function and data together, and this is the only place that
            // calls it, once, because a value is dropped once.
            unsafe { drop(self.data) }
        }
    }
}

/// Runs a callback that stores a result or returns an error.
pub fn answer<T>(
    call: impl FnOnce(&mut Option<Box<T>>) -> Option<Box<facetbox_error_t>>,
) -> Result<Option<Box<T>>> {
    let mut result = None;
    match call(&mut result) {
        None => Ok(result),
        Some(error) => Err(error.into_inner()),
    }
}

/// The error of a callback that returned neither a result nor an error.
fn nothing(what: &str) -> Error {
    Error::type_error(format!("A callback returned neither {what} nor an error."))
}

/// Makes an instance of a host class.
pub fn call_construct(
    construct: facetbox_construct_fn,
    data: *mut c_void,
    ctx: Ctx,
    env: ValueMap,
) -> Result<*mut c_void> {
    let construct = construct.ok_or_else(|| nothing("an instance"))?;
    let (ctx, env) = (facetbox_ctx_t::boxed(ctx), facetbox_value_t::from(Value::Map(env)));
    let mut instance = std::ptr::null_mut();
    // SAFETY: as in `call_function`; the host takes over `ctx`, as the header says.
    match unsafe { construct(data, ctx, &env, &mut instance) } {
        None => Ok(instance),
        Some(error) => Err(error.into_inner()),
    }
}

/// Calls a function of the host.
pub fn call_function(
    function: facetbox_function_fn,
    data: *mut c_void,
    args: Vec<Value>,
) -> Result<Value> {
    let function = function.ok_or_else(|| nothing("a value"))?;
    let args = facetbox_value_t::from(Value::List(args));
    // SAFETY: the host gave function and data together, for calls from any thread; the arguments
    // and the result slot are valid during the call.
    let result = answer(|result| unsafe { function(data, &args, result) })?;
    Ok(result.map_or(Value::Null, |value| value.into_inner()))
}

/// Calls a method of the host.
pub fn call_method(
    method_fn: facetbox_method_fn,
    data: *mut c_void,
    method: &str,
    args: Vec<Value>,
) -> Result<Value> {
    let method_fn = method_fn.ok_or_else(|| facetbox::no_such_method(method))?;
    let (method, args) = (facetbox_str_t::lend(method), facetbox_value_t::from(Value::List(args)));
    // SAFETY: as in `call_function`; `method` is borrowed during the call, as the header says.
    let result = answer(|result| unsafe { method_fn(data, method, &args, result) })?;
    Ok(result.map_or(Value::Null, |value| value.into_inner()))
}

/// Lets the host answer a request.
pub fn call_fetch(
    fetch: facetbox_fetch_fn,
    data: *mut c_void,
    request: Request,
) -> Result<Response> {
    let fetch = fetch.ok_or_else(facetbox::no_fetch_handler)?;
    let request = facetbox_request_t::from(request);
    // SAFETY: as in `call_function`.
    let response = answer(|response| unsafe { fetch(data, &request, response) })?;
    Ok(response.ok_or_else(|| nothing("a response"))?.into_inner())
}

/// Tells the host that an alarm is due.
pub fn call_alarm(alarm: facetbox_alarm_fn, data: *mut c_void, info: AlarmInfo) -> Result<()> {
    let alarm = alarm.ok_or_else(facetbox::no_alarm_handler)?;
    let AlarmInfo { scheduled_time, retry_count } = info;
    let is_retry = info.is_retry();
    let info = facetbox_alarm_info_t { scheduled_time_ms: scheduled_time, retry_count, is_retry };
    // SAFETY: as in `call_function`; `info` is valid during the call.
    match unsafe { alarm(data, &info) } {
        None => Ok(()),
        Some(error) => Err(error.into_inner()),
    }
}

/// Asks the host whether an instance has a handler of alarms.
pub fn call_has_alarm(has_alarm: facetbox_has_alarm_fn, data: *mut c_void) -> Option<bool> {
    // SAFETY: as in `call_function`.
    has_alarm.map(|has_alarm| unsafe { has_alarm(data) })
}

/// Asks the host what a facet is.
pub fn call_start(start: facetbox_start_fn, data: &ForeignData) -> Result<FacetOptions> {
    let start = start.ok_or_else(|| nothing("facet options"))?;
    // SAFETY: as in `call_function`.
    let options = answer(|options| unsafe { start(data.pointer(), options) })?;
    Ok(options.ok_or_else(|| nothing("facet options"))?.into_inner())
}

/// Asks the host for the code of a worker.
pub fn call_code(code_fn: facetbox_code_fn, data: *mut c_void) -> Result<WorkerCode> {
    let code_fn = code_fn.ok_or_else(|| nothing("code"))?;
    // SAFETY: as in `call_function`; this happens during the call that was given the pointers.
    let code = answer(|code| unsafe { code_fn(data, code) })?;
    Ok(code.ok_or_else(|| nothing("code"))?.into_inner())
}

/// Hands a tail event to the host.
pub fn call_tail(receive: facetbox_tail_fn, data: &ForeignData, event: &TailEvent) {
    let Some(receive) = receive else { return };
    let event = facetbox_value_t::from(event.to_value());
    // SAFETY: as in `call_function`.
    unsafe { receive(data.pointer(), &event) }
}

/// Runs the body of a transaction.
pub fn call_body(body: facetbox_body_fn, data: *mut c_void) -> Result<()> {
    let body = body.ok_or_else(|| nothing("success"))?;
    // SAFETY: as in `call_code`.
    match unsafe { body(data) } {
        None => Ok(()),
        Some(error) => Err(error.into_inner()),
    }
}

type Done<T> = unsafe extern "C" fn(*mut c_void, Option<Box<facetbox_error_t>>, Option<Box<T>>);

/// The promise to call a completion callback exactly once: with the result, or with CLOSED when the
/// runtime drops the call.
pub struct Completion<T> {
    done: Option<Done<T>>,
    data: *mut c_void,
}

// SAFETY: the header says that completion callbacks run on a thread of the runtime, so the host has
// agreed that its data moves there. We never look at what the pointer points to.
unsafe impl<T> Send for Completion<T> {}

impl<T> Completion<T> {
    pub fn new(done: Done<T>, data: *mut c_void) -> Completion<T> {
        Completion { done: Some(done), data }
    }

    /// Delivers what comes of `work`.
    pub async fn after<U>(
        mut self,
        work: impl Future<Output = Result<U>>,
        boxed: impl FnOnce(U) -> Box<T>,
    ) {
        let result = work.await.map(boxed);
        self.deliver(result);
    }

    fn deliver(&mut self, result: Result<Box<T>>) {
        let Some(done) = self.done.take() else { return };
        let (error, value) = match result {
            Ok(value) => (None, Some(value)),
            Err(error) => (Some(facetbox_error_t::boxed(error)), None),
        };
        // SAFETY: the host gave function and data together, for one call from any thread; `take`
        // above makes this the only one.
        unsafe { done(self.data, error, value) }
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        self.deliver(Err(Error::new(ErrorCode::Closed, "The runtime is closed.")));
    }
}
