//! Natives of namespaces and ids.

use rquickjs::Array;

use super::Natives;
use crate::actor::ActorId;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::js::give;
use crate::guest::js::native::{Call, Cap, Done, Fail, Handle, set_own};
use crate::id::ObjectId;
use crate::namespace::Namespace;
use crate::value::Value;

pub(super) fn register(natives: &mut Natives) {
    natives
        .add(c"id_from_name", |call| give_id(call, namespace(call)?.id_from_name(&call.text(1)?)));
    natives.add(c"id_from_string", |call| {
        give_id(call, namespace(call)?.id_from_string(&call.text(1)?)?)
    });
    natives.add(c"new_unique_id", |call| match call.present(1) {
        Some(_) => Err(no_jurisdiction().into()),
        None => give_id(call, namespace(call)?.new_unique_id()?),
    });
    natives.add(c"jurisdiction", |call| match call.present(0) {
        Some(_) => Err(no_jurisdiction().into()),
        None => call.undefined(),
    });
    natives.add(c"get_object", |call| {
        check_routing(call)?;
        let Handle::Id(ActorId::Object(id)) = call.handle(1)? else {
            return Err(Error::type_error("get() takes the id of an object.").into());
        };
        let stub = namespace(call)?.get(&id)?;
        Ok(give::value(call.ctx, call.hooks, &Value::Stub(stub))?)
    });
    natives.add(c"get_by_name", |call| {
        check_routing(call)?;
        let stub = namespace(call)?.get_by_name(&call.text(1)?);
        Ok(give::value(call.ctx, call.hooks, &Value::Stub(stub))?)
    });
}

fn namespace(call: &Call<'_, '_>) -> Result<Namespace> {
    match call.capability(0)? {
        Value::Namespace(namespace) => Ok(namespace),
        _ => Err(Error::type_error("Illegal invocation: this is no namespace.")),
    }
}

/// What the prelude makes an id from: a handle, its text and its name.
fn give_id<'js>(call: &Call<'_, 'js>, id: ObjectId) -> Done<'js> {
    let parts = Array::new(call.ctx.clone())?;
    let (text, name) = (id.to_string(), id.name().map(str::to_owned));
    set_own(&parts, 0, Cap::make(call.ctx, Handle::Id(ActorId::Object(id)))?)?;
    set_own(&parts, 1, text)?;
    set_own(&parts, 2, name)?;
    Ok(parts.into_value())
}

fn no_jurisdiction() -> Error {
    Error::named(ErrorCode::Unsupported, "Error", "Jurisdiction restrictions are not implemented.")
}

fn check_routing(call: &Call<'_, '_>) -> std::result::Result<(), Fail> {
    if call.present(2).is_none() {
        return Ok(());
    }
    match call.text(2)?.as_str() {
        "primary-only" => Ok(()),
        other => {
            let message = format!("unknown routingMode: {other}");
            Err(Error::named(ErrorCode::InvalidArgument, "RangeError", message).into())
        }
    }
}
