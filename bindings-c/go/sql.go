package facetbox

// #include "bridge.h"
import "C"

import (
	"iter"
	"runtime"
	"sync"
)

// SQL is an SQLite database.
type SQL struct {
	storage *Storage
}

// Exec runs one or more statements, the last one with bindings: nil, booleans, numbers, texts and
// bytes. It fails with [ErrStorage] and SQLite's message.
func (s *SQL) Exec(query string, bindings ...any) (*SQLCursor, error) {
	var list *C.facetbox_value_t
	if len(bindings) > 0 {
		var err error
		if list, err = encode("bindings", bindings); err != nil {
			return nil, err
		}
		defer C.facetbox_value_free(list)
	}
	defer runtime.KeepAlive(s)
	var out *C.facetbox_sql_cursor_t
	if err := check(C.facetbox_storage_sql_exec(s.storage.ptr, lend(query), list, &out)); err != nil {
		return nil, err
	}
	return newSQLCursor(out), nil
}

// DatabaseSize is how many bytes of the database are in use.
func (s *SQL) DatabaseSize() (uint64, error) {
	defer runtime.KeepAlive(s)
	var size C.uint64_t
	err := check(C.facetbox_storage_database_size(s.storage.ptr, &size))
	return uint64(size), err
}

// SQLCursor gives the rows of one statement, read as they are asked for. What is left is read by
// whichever method comes next. It may be used by several goroutines.
type SQLCursor struct {
	lock    sync.Mutex
	ptr     *C.facetbox_sql_cursor_t
	cleanup runtime.Cleanup
}

func newSQLCursor(ptr *C.facetbox_sql_cursor_t) *SQLCursor {
	cursor := &SQLCursor{ptr: ptr}
	free := func(ptr *C.facetbox_sql_cursor_t) { C.facetbox_sql_cursor_free(ptr) }
	cursor.cleanup = runtime.AddCleanup(cursor, free, ptr)
	return cursor
}

// Close frees the cursor before Go would. Closing again does nothing; reading rows fails with
// [ErrClosed] afterwards.
func (c *SQLCursor) Close() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.cleanup.Stop()
	C.facetbox_sql_cursor_free(c.ptr)
	c.ptr = nil
}

// read lets the library read rows, unless the cursor was closed.
func (c *SQLCursor) read(rows func(**C.facetbox_value_t) *C.facetbox_error_t) (*C.facetbox_value_t, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.ptr == nil {
		return nil, &Error{Code: ErrClosed, Name: "Error", Message: "The cursor was closed."}
	}
	var out *C.facetbox_value_t
	err := check(rows(&out))
	return out, err
}

// Next reads the next row as a map from column names; nil at the end.
func (c *SQLCursor) Next() (map[string]any, error) {
	out, err := c.read(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_sql_cursor_next(c.ptr, out)
	})
	if err != nil {
		return nil, err
	}
	return takeMap(out), nil
}

// NextRaw reads the next row as a list of its columns; nil at the end.
func (c *SQLCursor) NextRaw() ([]any, error) {
	out, err := c.read(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_sql_cursor_next_raw(c.ptr, out)
	})
	if err != nil {
		return nil, err
	}
	return takeList(out), nil
}

// Rows gives the rows that are left; an error is the last thing that an iteration gives:
//
//	for row, err := range cursor.Rows() { ... }
func (c *SQLCursor) Rows() iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		for {
			row, err := c.Next()
			if row == nil && err == nil || !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// One reads the only row that is left; it fails if there is none or more than one.
func (c *SQLCursor) One() (map[string]any, error) {
	out, err := c.read(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_sql_cursor_one(c.ptr, out)
	})
	if err != nil {
		return nil, err
	}
	return takeMap(out), nil
}

// ToArray reads the rows that are left as maps.
func (c *SQLCursor) ToArray() ([]map[string]any, error) {
	out, err := c.read(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_sql_cursor_to_array(c.ptr, out)
	})
	if err != nil {
		return nil, err
	}
	return rows[map[string]any](out), nil
}

// Raw reads the rows that are left as lists of their columns.
func (c *SQLCursor) Raw() ([][]any, error) {
	out, err := c.read(func(out **C.facetbox_value_t) *C.facetbox_error_t {
		return C.facetbox_sql_cursor_raw(c.ptr, out)
	})
	if err != nil {
		return nil, err
	}
	return rows[[]any](out), nil
}

// rows takes a list of rows.
func rows[T any](value *C.facetbox_value_t) []T {
	return all[T](takeList(value))
}

// all is a list whose members are all of one type.
func all[T any](list any) []T {
	items, _ := list.([]any)
	typed := make([]T, len(items))
	for i, item := range items {
		typed[i], _ = item.(T)
	}
	return typed
}

// ColumnNames are the names of the rows' columns.
func (c *SQLCursor) ColumnNames() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	names := make([]string, C.facetbox_sql_cursor_column_count(c.ptr))
	for i := range names {
		names[i] = text(C.facetbox_sql_cursor_column_name(c.ptr, C.size_t(i)))
	}
	return names
}

// RowsRead is how many rows have been read so far.
func (c *SQLCursor) RowsRead() uint64 {
	c.lock.Lock()
	defer c.lock.Unlock()
	return uint64(C.facetbox_sql_cursor_rows_read(c.ptr))
}

// RowsWritten is how many rows have been written so far.
func (c *SQLCursor) RowsWritten() uint64 {
	c.lock.Lock()
	defer c.lock.Unlock()
	return uint64(C.facetbox_sql_cursor_rows_written(c.ptr))
}
