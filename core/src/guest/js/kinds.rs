//! What kind of object a value is.

#![expect(unsafe_code, reason = "the class of an object has no safe interface")]

use rquickjs::{Array, Ctx, Object, Value as JsValue, qjs};

/// The engine's own numbers of built-in classes, which guests can't forge.
pub(super) struct Kinds {
    object: qjs::JSClassID,
    array: qjs::JSClassID,
    error: qjs::JSClassID,
    date: qjs::JSClassID,
    map: qjs::JSClassID,
    set: qjs::JSClassID,
    buffer: qjs::JSClassID,
    data_view: qjs::JSClassID,
    dom_exception: qjs::JSClassID,
    arguments: qjs::JSClassID,
}

/// What kind of object a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Arguments,
    Error,
    Date,
    Map,
    Set,
    Buffer,
    View,
    Other,
}

fn class_id(value: &JsValue<'_>) -> qjs::JSClassID {
    // SAFETY: the value is alive; anything that is no object gives an invalid number.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}

impl Kinds {
    pub fn new(samples: &Array<'_>) -> rquickjs::Result<Kinds> {
        let of = |at| samples.get(at).map(|value: JsValue<'_>| class_id(&value));
        Ok(Kinds {
            object: of(0)?,
            array: of(1)?,
            error: of(2)?,
            date: of(3)?,
            map: of(4)?,
            set: of(5)?,
            buffer: of(6)?,
            data_view: of(7)?,
            dom_exception: of(8)?,
            arguments: of(9)?,
        })
    }

    /// Makes an error that has no stack yet: the engine gives it one where it is first thrown.
    pub fn make_error<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        // SAFETY: the context is alive; objects of the engine's class of errors need nothing but to be made.
        let made = unsafe { qjs::JS_NewObjectClass(ctx.as_raw().as_ptr(), self.error) };
        // SAFETY: the reference is ours, if it is one: what isn't made is no object.
        let made = unsafe { JsValue::from_raw(ctx.clone(), made) };
        made.into_object().ok_or(rquickjs::Error::Exception)
    }

    pub fn of(&self, value: &JsValue<'_>) -> Kind {
        let id = class_id(value);
        match id {
            _ if id == self.object => Kind::Object,
            _ if id == self.array => Kind::Array,
            _ if id == self.error || id == self.dom_exception => Kind::Error,
            _ if id == self.arguments => Kind::Arguments,
            _ if id == self.date => Kind::Date,
            _ if id == self.map => Kind::Map,
            _ if id == self.set => Kind::Set,
            _ if id == self.buffer => Kind::Buffer,
            _ if id == self.data_view => Kind::View,
            _ => {
                // SAFETY: the value is alive; what is no typed array gives a negative number.
                let typed = unsafe { qjs::JS_GetTypedArrayType(value.as_raw()) };
                if typed >= 0 { Kind::View } else { Kind::Other }
            }
        }
    }
}
