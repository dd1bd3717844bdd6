package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"iter"
	"runtime"
)

// Usage is what an object or facet takes, everything below it included.
type Usage struct {
	// StorageBytes is bytes of its databases and their logs.
	StorageBytes int64
	// Facets is the number of facets at all levels below it.
	Facets int64
	// Events counts events that have ended.
	Events int64
	// CPUMs is CPU time of guests in milliseconds.
	CPUMs int64
	// RowsRead and RowsWritten count rows of the key-value store and of SQL.
	RowsRead, RowsWritten int64
	// BytesIn and BytesOut are bytes of arguments and requests, and of results and responses.
	BytesIn, BytesOut int64
	// Subrequests counts calls that guests have made of what isn't theirs: host functions and objects, stubs, fetch().
	Subrequests int64
}

func takeUsage(value *C.facetbox_value_t) Usage {
	fields, _ := take(value).(map[string]any)
	return Usage{
		StorageBytes: field[int64](fields, "storageBytes"),
		Facets:       field[int64](fields, "facets"),
		Events:       field[int64](fields, "events"),
		CPUMs:        field[int64](fields, "cpuMs"),
		RowsRead:     field[int64](fields, "rowsRead"),
		RowsWritten:  field[int64](fields, "rowsWritten"),
		BytesIn:      field[int64](fields, "bytesIn"),
		BytesOut:     field[int64](fields, "bytesOut"),
		Subrequests:  field[int64](fields, "subrequests"),
	}
}

// pageSize is how many ids [Namespace.All] reads at a time.
const pageSize = 1000

// List gives the ids of objects that have data, in order: at most limit of those after the id after,
// which is nil for the first page and then the last id of the page before. An object has data from its
// first write until it is deleted.
func (n *Namespace) List(after *ObjectID, limit int) ([]*ObjectID, error) {
	if limit < 0 {
		return nil, invalid("The limit must not be negative.")
	}
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(after)
	var page *C.facetbox_object_list_t
	if err := check(C.facetbox_namespace_list(n.ptr, after.pointer(), C.size_t(limit), &page)); err != nil {
		return nil, err
	}
	defer C.facetbox_object_list_free(page)
	ids := make([]*ObjectID, C.facetbox_object_list_len(page))
	for i := range ids {
		ids[i] = newObjectID(C.facetbox_object_id_clone(C.facetbox_object_list_at(page, C.size_t(i))))
	}
	return ids, nil
}

// All gives the ids of all objects that have data, in order, read page by page. An error is the last
// thing that an iteration gives.
func (n *Namespace) All() iter.Seq2[*ObjectID, error] {
	return func(yield func(*ObjectID, error) bool) {
		var after *ObjectID
		for {
			page, err := n.List(after, pageSize)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, id := range page {
				if !yield(id, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = page[len(page)-1]
		}
	}
}

// Exists says whether the object has data. It isn't started.
func (n *Namespace) Exists(id *ObjectID) (bool, error) {
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	var exists C.bool
	err := check(C.facetbox_namespace_exists(n.ptr, id.pointer(), &exists))
	return bool(exists), err
}

// Delete ends the object and removes its data, its facets and their alarms, all at once. Stubs that
// are bound to it fail with [ErrAborted]; a new stub reaches a new, empty object. It does nothing if
// there is none.
func (n *Namespace) Delete(id *ObjectID) error {
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	return check(C.facetbox_namespace_delete(n.ptr, id.pointer()))
}

// Usage is what the object takes with all its facets; zero if it has no data.
func (n *Namespace) Usage(id *ObjectID) (Usage, error) {
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_namespace_usage(n.ptr, id.pointer(), &out)); err != nil {
		return Usage{}, err
	}
	return takeUsage(out), nil
}

// Export copies the object with all its facets to path, a new directory with plain SQLite files in it,
// while it runs: it waits until the object is between two events.
//
// It fails with [ErrInvalidArgument] if path exists, [ErrNotFound] if the object has no data, and ctx.Err()
// when ctx ends before; nothing is left at path then.
func (n *Namespace) Export(ctx context.Context, id *ObjectID, path string) error {
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	return wait(ctx, func(cancel *C.facetbox_cancel_t, _ C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_namespace_export_cancellable(n.ptr, id.pointer(), lend(path), cancel)
	})
}

// Import makes the object from what was exported to path, of the same object or another, with its
// facets and alarms: all of it or, after an error, nothing.
//
// It fails with [ErrInvalidArgument] if the object has data, [ErrCorrupt] for files that aren't an
// export or are damaged, and the code of a limit for more than the namespace's limits allow.
func (n *Namespace) Import(id *ObjectID, path string) error {
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	return check(C.facetbox_namespace_import(n.ptr, id.pointer(), lend(path)))
}

// QueryRows are the answer of [Namespace.Query].
type QueryRows struct {
	// Columns are the names of the columns.
	Columns []string
	// Rows are the rows, each with a value per column.
	Rows [][]any
	// Truncated says whether rows are missing because there are more than 10,000, or more than 16 MiB.
	Truncated bool
}

// Query runs one SQL statement that reads, on the database of the object or, with names of facets, of
// the facet that they lead to. It waits until what it reads is between two events.
//
// It fails with [ErrInvalidArgument] for a statement that does anything but read and [ErrNotFound] if
// there is no such object or facet or it has no data. When ctx ends while it waits, it returns ctx.Err().
func (n *Namespace) Query(ctx context.Context, id *ObjectID, facets []string, sql string, bindings ...any) (*QueryRows, error) {
	path, err := encode("facets", facets)
	if err != nil {
		return nil, err
	}
	defer C.facetbox_value_free(path)
	list, err := encodeArgs(bindings)
	if err != nil {
		return nil, err
	}
	defer C.facetbox_value_free(list)
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	var out *C.facetbox_value_t
	err = wait(ctx, func(cancel *C.facetbox_cancel_t, _ C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_namespace_query_cancellable(n.ptr, id.pointer(), path, lend(sql), list, cancel, &out)
	})
	if err != nil {
		return nil, err
	}
	fields, _ := take(out).(map[string]any)
	return &QueryRows{all[string](fields["columns"]), all[[]any](fields["rows"]), field[bool](fields, "truncated")}, nil
}

// Report is what [Runtime.Verify] has found.
type Report struct {
	// Objects counts objects that have data, Databases those of objects and facets.
	Objects, Databases int64
	// Leftovers counts directories that a crash left and the next start of their parent removes.
	Leftovers int64
	// Problems are what is wrong; empty if everything is well.
	Problems []Problem
}

// Problem is something that is wrong with a file or directory.
type Problem struct {
	// Path is the file or directory.
	Path string
	// Message is what is wrong with it.
	Message string
}

// Verify checks every object on disk, running or not, and changes nothing. It blocks for as long as it
// takes to read everything. What is wrong is in the report, not an error.
func (r *Runtime) Verify() (*Report, error) {
	defer runtime.KeepAlive(r)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_runtime_verify(r.ptr, &out)); err != nil {
		return nil, err
	}
	fields, _ := take(out).(map[string]any)
	report := &Report{
		Objects:   field[int64](fields, "objects"),
		Databases: field[int64](fields, "databases"),
		Leftovers: field[int64](fields, "leftovers"),
	}
	for _, problem := range all[map[string]any](fields["problems"]) {
		report.Problems = append(report.Problems, Problem{field[string](problem, "path"), field[string](problem, "message")})
	}
	return report, nil
}

// Exists says whether the object has data, or the facet exists. Neither is started. It fails with
// [ErrUnsupported] for an entrypoint.
func (s *Stub) Exists() (bool, error) {
	defer runtime.KeepAlive(s)
	var exists C.bool
	err := check(C.facetbox_stub_exists(s.ptr, &exists))
	return bool(exists), err
}

// Usage is what the object or facet takes with everything below it.
func (s *Stub) Usage() (Usage, error) {
	defer runtime.KeepAlive(s)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_stub_usage(s.ptr, &out)); err != nil {
		return Usage{}, err
	}
	return takeUsage(out), nil
}

// Export copies the object or facet with everything below it; see [Namespace.Export].
func (s *Stub) Export(ctx context.Context, path string) error {
	defer runtime.KeepAlive(s)
	return wait(ctx, func(cancel *C.facetbox_cancel_t, _ C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_stub_export_cancellable(s.ptr, lend(path), cancel)
	})
}

// Usage is what the facet takes with all its own facets; [ErrNotFound] if there is no such facet.
func (f *Facets) Usage(name string) (Usage, error) {
	defer runtime.KeepAlive(f)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_facets_usage(f.ptr, lend(name), &out)); err != nil {
		return Usage{}, err
	}
	return takeUsage(out), nil
}

// Export copies the facet with its own facets, as they were last committed; see [Namespace.Export].
func (f *Facets) Export(name, path string) error {
	defer runtime.KeepAlive(f)
	return check(C.facetbox_facets_export(f.ptr, lend(name), lend(path)))
}
