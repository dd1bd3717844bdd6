//! The natives that load the parts of the prelude that guests may never use, and count weak maps.

use std::sync::Arc;

use rquickjs::Object;

use super::Natives;
use crate::guest::js::compiler;
use crate::guest::js::native::{Call, Fail, Handle, WeakCount, illegal};

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"load_part", |call| Ok(load(call)?.into_value()));
    natives.add(c"weak", |call| {
        let count = WeakCount::new(&call.shared.weak)?;
        call.give_cap(Handle::Weak { _count: Arc::new(count) })
    });
}

/// Evaluates a module of the prelude that nothing imports; gives what it exports. Evaluated again it is another
/// module, so one that failed can be tried anew.
fn load<'js>(call: &Call<'_, 'js>) -> std::result::Result<Object<'js>, Fail> {
    let name = call.text(0)?;
    let code = call.hooks.prelude.module(&name).ok_or_else(illegal)?;
    call.shared.guard.loads();
    let (module, evaluated) = compiler::load(call.ctx, code)?.eval()?;
    // It doesn't wait for anything, so it has ended.
    if let Some(Err(error)) = evaluated.result::<()>() {
        call.hooks.rejections.forget(evaluated.as_value());
        return Err(error.into());
    }
    Ok(module.namespace()?)
}
