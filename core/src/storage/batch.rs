//! Rows on their way into a guest.

use super::cache::Compiled;
use super::codec;
use super::raw::{Column, Database};
use super::row::{Row, is_too_large, read_row, too_large};
use crate::error::Result;
use crate::value::Value;

/// A batch is full with so many rows, or when they have so many bytes.
const MAX_ROWS: usize = 256;
const MAX_BYTES: usize = 64 << 10;

/// Some rows of one result, side by side, so that a row costs no memory of its own.
#[derive(Default)]
pub(crate) struct Batch {
    cells: Vec<Stored>,
    texts: String,
    blobs: Vec<u8>,
    /// How many columns each row has.
    width: usize,
}

/// A column of a row.
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    Float(f64),
    Text(&'a str),
    Blob(&'a [u8]),
}

enum Stored {
    Null,
    Int(i64),
    Float(f64),
    Text { start: usize, end: usize },
    Blob { start: usize, end: usize },
}

impl Batch {
    /// The rows, each with its columns.
    pub fn rows(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = Cell<'_>>> {
        let rows = self.cells.chunks_exact(self.width.max(1));
        rows.map(|row| row.iter().map(|stored| self.cell(stored)))
    }

    fn cell(&self, stored: &Stored) -> Cell<'_> {
        match *stored {
            Stored::Null => Cell::Null,
            Stored::Int(number) => Cell::Int(number),
            Stored::Float(number) => Cell::Float(number),
            Stored::Text { start, end } => Cell::Text(&self.texts[start..end]),
            Stored::Blob { start, end } => Cell::Blob(&self.blobs[start..end]),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// What the rows take, counted as for values.
    pub fn size(&self) -> usize {
        8 * self.cells.len() + self.texts.len() + self.blobs.len()
    }

    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.texts.clear();
        self.blobs.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.cells.len() >= MAX_ROWS * self.width.max(1) || self.size() >= MAX_BYTES
    }

    fn push(&mut self, cell: Cell<'_>) {
        let stored = match cell {
            Cell::Null => Stored::Null,
            Cell::Int(number) => Stored::Int(number),
            Cell::Float(number) => Stored::Float(number),
            Cell::Text(text) => {
                let start = self.texts.len();
                self.texts.push_str(text);
                Stored::Text { start, end: self.texts.len() }
            }
            Cell::Blob(bytes) => {
                let start = self.blobs.len();
                self.blobs.extend_from_slice(bytes);
                Stored::Blob { start, end: self.blobs.len() }
            }
        };
        self.cells.push(stored);
    }

    fn push_column(&mut self, column: Column<'_>) {
        match column {
            Column::Null => self.push(Cell::Null),
            Column::Int(number) => self.push(Cell::Int(number)),
            Column::Float(number) => self.push(Cell::Float(number)),
            Column::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.push(Cell::Text(text)),
                Err(_) => self.push(Cell::Text(&codec::text(bytes))),
            },
            Column::Blob(bytes) => self.push(Cell::Blob(bytes)),
        }
    }
}

/// Where a row goes to.
pub(super) trait Place {
    /// Takes the row that a statement is at.
    ///
    /// # Errors
    /// GUEST_ERROR if it alone is too large.
    fn read(&mut self, db: &Database, compiled: &Compiled) -> Result<()>;

    /// Takes a row that was held for the cursor.
    fn take(&mut self, row: Row);
}

impl Place for Batch {
    fn read(&mut self, db: &Database, compiled: &Compiled) -> Result<()> {
        self.width = db.column_count(compiled.statement);
        self.cells.reserve(self.width);
        let before = self.size();
        for index in 0..self.width {
            self.push_column(db.column(compiled.statement, index));
            if is_too_large(self.size() - before) {
                return Err(too_large());
            }
        }
        Ok(())
    }

    fn take(&mut self, row: Row) {
        self.width = row.len();
        for value in &row {
            self.push(match value {
                Value::Int(number) => Cell::Int(*number),
                Value::Float(number) => Cell::Float(*number),
                Value::String(text) => Cell::Text(text),
                Value::Bytes(bytes) => Cell::Blob(bytes),
                _ => Cell::Null,
            });
        }
    }
}

impl Place for Option<Row> {
    fn read(&mut self, db: &Database, compiled: &Compiled) -> Result<()> {
        *self = Some(read_row(db, compiled)?);
        Ok(())
    }

    fn take(&mut self, row: Row) {
        *self = Some(row);
    }
}
