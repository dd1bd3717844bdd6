//! Rows of SQL results on their way into guests.

use crate::storage::Columns;

/// What a row is for the guest.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// A map by the names of the columns; later columns of the same name win.
    Named(&'a Columns),
    /// A list.
    Raw,
}
