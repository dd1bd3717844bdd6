//! What is passed by reference: native handles, and JavaScript's own functions and objects.

use std::sync::Arc;

use facetbox::{BoxFuture, HostFunction, HostObject, Value};
use napi::bindgen_prelude::{ClassInstance, Either5};

use crate::class::Class;
use crate::loader::Loader;
use crate::mailbox::{Kind, Reply};
use crate::namespace::Namespace;
use crate::reference::JsRef;
use crate::rpc::RpcStub;
use crate::stub::Stub;

/// What JavaScript may put into the list beside a packed value.
pub(crate) type Capability<'a> = Either5<
    ClassInstance<'a, Stub>,
    ClassInstance<'a, Class>,
    ClassInstance<'a, Namespace>,
    ClassInstance<'a, Loader>,
    ClassInstance<'a, RpcStub>,
>;

/// The core's value of what JavaScript has given.
///
/// # Errors
/// CLOSED for what has been disposed of.
pub(crate) fn value(capability: &Capability<'_>) -> facetbox::Result<Value> {
    Ok(match capability {
        Either5::A(stub) => stub.core().clone().into(),
        Either5::B(class) => class.core().clone().into(),
        Either5::C(namespace) => namespace.core().clone().into(),
        Either5::D(loader) => loader.core().clone().into(),
        Either5::E(stub) => stub.value()?,
    })
}

/// The function behind `reference`.
pub(crate) fn host_function(reference: Arc<JsRef>, name: String) -> HostFunction {
    let target = reference.clone();
    let function = HostFunction::new_async(name, move |args| {
        let args = Value::List(args);
        reply_value(target.mailbox().ask(Kind::Invoke, &target, "", args, None))
    });
    function.with_origin(reference)
}

/// The object behind `reference`.
pub(crate) fn host_object(reference: Arc<JsRef>, name: String) -> HostObject {
    let target = reference.clone();
    let object = HostObject::new_async(name, move |method, args| {
        let args = Value::List(args);
        reply_value(target.mailbox().ask(Kind::Dispatch, &target, method, args, None))
    });
    object.with_origin(reference)
}

/// The value that an ask was answered with.
pub(crate) fn reply_value(
    reply: BoxFuture<'static, facetbox::Result<Reply>>,
) -> BoxFuture<'static, facetbox::Result<Value>> {
    Box::pin(async move { reply.await?.into_value() })
}
