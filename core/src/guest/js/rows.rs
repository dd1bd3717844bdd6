//! Rows of SQL results made into the guest's objects.

use rquickjs::{Array, ArrayBuffer, BigInt, Ctx, Object, String as JsString, Value as JsValue};

use super::give::{MAX_SAFE, Name, define, define_at};
use crate::guest::rows::Form;
use crate::storage::{Batch, Cell};

/// Makes rows of one result.
pub(super) struct Rows<'a, 'js> {
    ctx: &'a Ctx<'js>,
    /// The names of the columns; none for rows that are lists.
    names: Option<Vec<Name<'js>>>,
}

impl<'a, 'js> Rows<'a, 'js> {
    pub fn new(ctx: &'a Ctx<'js>, form: Form<'_>) -> rquickjs::Result<Rows<'a, 'js>> {
        let names = match form {
            Form::Named(columns) => {
                let names = columns.names.iter().map(|name| Name::of_text(ctx, name));
                Some(names.collect::<rquickjs::Result<_>>()?)
            }
            Form::Raw => None,
        };
        Ok(Rows { ctx, names })
    }

    /// Makes the first row of a batch; undefined if it has none.
    pub fn first(&self, batch: &Batch) -> rquickjs::Result<JsValue<'js>> {
        match batch.rows().next() {
            Some(row) => self.row(row),
            None => Ok(JsValue::new_undefined(self.ctx.clone())),
        }
    }

    /// Appends the rows of a batch to a list of `count` rows; answers how many it has then.
    pub fn append(
        &self,
        list: &Array<'js>,
        mut count: usize,
        batch: &Batch,
    ) -> rquickjs::Result<usize> {
        for row in batch.rows() {
            define_at(list, count, &self.row(row)?)?;
            count += 1;
        }
        Ok(count)
    }

    fn row<'c>(&self, row: impl Iterator<Item = Cell<'c>>) -> rquickjs::Result<JsValue<'js>> {
        let Some(names) = &self.names else {
            let array = Array::new(self.ctx.clone())?;
            for (at, cell) in row.enumerate() {
                define_at(&array, at, &self.cell(cell)?)?;
            }
            return Ok(array.into_value());
        };
        let object = Object::new(self.ctx.clone())?;
        for (name, cell) in names.iter().zip(row) {
            define(&object, name, &self.cell(cell)?)?;
        }
        Ok(object.into_value())
    }

    /// A column of a row: bytes are an ArrayBuffer there.
    fn cell(&self, cell: Cell<'_>) -> rquickjs::Result<JsValue<'js>> {
        let ctx = self.ctx.clone();
        Ok(match cell {
            Cell::Null => JsValue::new_null(ctx),
            Cell::Int(number) if (-MAX_SAFE..=MAX_SAFE).contains(&number) => {
                JsValue::new_number(ctx, number as f64)
            }
            Cell::Int(number) => BigInt::from_i64(ctx, number)?.into_value(),
            Cell::Float(number) => JsValue::new_float(ctx, number),
            Cell::Text(text) => JsString::from_str(ctx, text)?.into_value(),
            Cell::Blob(bytes) => ArrayBuffer::new_copy(ctx, bytes)?.into_value(),
        })
    }
}
