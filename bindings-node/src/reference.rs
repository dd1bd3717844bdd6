//! Numbers of JavaScript values that Rust keeps alive.

use std::sync::Arc;

use crate::codec::Packed;
use crate::mailbox::{Kind, Mailbox, Message};

/// A JavaScript value, kept in a table of the JavaScript half until this is dropped, on any thread.
pub(crate) struct JsRef {
    id: u32,
    mailbox: Arc<Mailbox>,
}

impl JsRef {
    /// Takes over the reference `id`, which JavaScript has just made.
    pub fn new(mailbox: &Arc<Mailbox>, id: u32) -> Arc<JsRef> {
        Arc::new(JsRef { id, mailbox: mailbox.clone() })
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// The number, if the value lives in the environment of `mailbox`.
    pub fn id_in(&self, mailbox: &Mailbox) -> Option<u32> {
        std::ptr::eq(&*self.mailbox, mailbox).then_some(self.id)
    }

    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }
}

impl Drop for JsRef {
    fn drop(&mut self) {
        self.mailbox.post(Message {
            kind: Kind::Release,
            id: self.id,
            target: 0,
            name: String::new(),
            packed: Packed::default(),
            extra: None,
        });
    }
}
