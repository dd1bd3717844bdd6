//! Promises that were rejected while nobody handled them.

use std::cell::RefCell;

use rquickjs::{Ctx, Value as JsValue};

use super::vm::Hooks;

/// More than so many at a time are not kept.
const MAX: usize = 100;

/// Rejected promises without a handler, and what they were rejected with.
#[derive(Default)]
pub(super) struct Rejections<'js>(RefCell<Vec<(JsValue<'js>, JsValue<'js>)>>);

/// Called by the engine when a promise is rejected without a handler, and when it gets its first one.
pub(super) fn track<'js>(
    ctx: &Ctx<'js>,
    promise: JsValue<'js>,
    reason: JsValue<'js>,
    handled: bool,
) {
    let Some(hooks) = ctx.userdata::<Hooks<'_>>() else { return };
    let rejections = &hooks.rejections;
    if handled {
        rejections.forget(&promise);
    } else if rejections.0.borrow().len() < MAX {
        rejections.0.borrow_mut().push((promise, reason));
    }
}

impl<'js> Rejections<'js> {
    /// Takes out a promise that is handled now.
    pub fn forget(&self, promise: &JsValue<'js>) {
        self.0.borrow_mut().retain(|(rejected, _)| rejected != promise);
    }

    /// What nobody has handled up to now.
    pub fn take(&self) -> Vec<JsValue<'js>> {
        self.0.take().into_iter().map(|(_, reason)| reason).collect()
    }
}
