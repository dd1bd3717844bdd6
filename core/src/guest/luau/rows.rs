//! Rows of SQL results made into tables, many in one protected call.

use mlua::{Lua, Table};

use super::stack::{Slot, Stack, protected};
use crate::guest::rows::Form;
use crate::storage::{Batch, Cell};

/// Makes the first row of a batch that has one.
pub(super) fn first(lua: &Lua, batch: &Batch, form: Form<'_>) -> mlua::Result<Table> {
    protected(lua, (), |stack| {
        let names = push_names(stack, form);
        if let Some(row) = batch.rows().next() {
            push_row(stack, row, form, names);
            stack.keep_last(1);
        }
    })
}

/// Appends the rows of a batch to a list of `count` rows; answers how many it has then.
pub(super) fn append(
    lua: &Lua,
    list: &Table,
    mut count: usize,
    batch: &Batch,
    form: Form<'_>,
) -> mlua::Result<usize> {
    const LIST: Slot = 1;
    protected::<()>(lua, list, |stack| {
        let names = push_names(stack, form);
        for row in batch.rows() {
            push_row(stack, row, form, names);
            count += 1;
            stack.set_element(LIST, count);
        }
    })?;
    Ok(count)
}

/// Pushes the names that rows of this form have; answers the slot of the first. *Raises.*
fn push_names(stack: &Stack, form: Form<'_>) -> Slot {
    let first = stack.top() + 1;
    if let Form::Named(columns) = form {
        columns.names.iter().for_each(|name| stack.push_text(name.as_bytes()));
    }
    first
}

/// Pushes one row. *Raises.*
fn push_row<'a>(
    stack: &Stack,
    row: impl ExactSizeIterator<Item = Cell<'a>>,
    form: Form<'_>,
    names: Slot,
) {
    let Form::Named(columns) = form else {
        stack.push_table(row.len(), 0);
        let table = stack.top();
        for (at, cell) in (1..).zip(row) {
            push_cell(stack, cell);
            stack.set_element(table, at);
        }
        return;
    };
    stack.push_table(0, row.len());
    let table = stack.top();
    for (name, cell) in (names..).zip(row) {
        match cell {
            Cell::Null if !columns.duplicates => continue,
            Cell::Null => {
                stack.copy(name);
                stack.push_nil();
            }
            cell => {
                stack.copy(name);
                push_cell(stack, cell);
            }
        }
        stack.set(table);
    }
}

fn push_cell(stack: &Stack, cell: Cell<'_>) {
    match cell {
        Cell::Null => stack.push_null(),
        Cell::Int(number) => stack.push_integer(number),
        Cell::Float(number) => stack.push_number(number),
        Cell::Text(text) => stack.push_text(text.as_bytes()),
        Cell::Blob(bytes) => stack.push_bytes(bytes),
    }
}
