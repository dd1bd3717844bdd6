//! Promises of operations that have begun, until the driver settles them.

use std::cell::RefCell;
use std::collections::HashMap;

use rquickjs::{Ctx, Function, Promise, Value as JsValue};

/// What settles the promise of one operation.
pub(super) struct Settler<'js> {
    pub resolve: Function<'js>,
    pub reject: Function<'js>,
    /// Whether it is that of a call, whose answer can be disposed of.
    pub is_call: bool,
}

/// The promises that wait, by the numbers of their operations.
#[derive(Default)]
pub(super) struct Waiting<'js>(RefCell<HashMap<u64, Settler<'js>>>);

impl<'js> Waiting<'js> {
    /// Makes the promise of an operation.
    pub fn promise(
        &self,
        ctx: &Ctx<'js>,
        number: u64,
        is_call: bool,
    ) -> rquickjs::Result<JsValue<'js>> {
        let (promise, resolve, reject) = Promise::new(ctx)?;
        self.0.borrow_mut().insert(number, Settler { resolve, reject, is_call });
        Ok(promise.into_value())
    }

    /// What settles the promise of an operation that has ended; `None` if that is a timer.
    pub fn take(&self, number: u64) -> Option<Settler<'js>> {
        self.0.borrow_mut().remove(&number)
    }
}
