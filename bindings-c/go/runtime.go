package facetbox

// #include "bridge.h"
import "C"

import (
	"runtime"
	"sync"
)

// Runtime is an open data directory. It may be used by several goroutines at a time.
//
// It stays open until it is closed, even if the program forgets it.
type Runtime struct {
	ptr *C.facetbox_runtime_t
	// freeing starts when the runtime is closed: freeing an open one would close it, which blocks.
	freeing sync.Once
}

// Open opens a data directory, which is made if it is missing, for this process alone. The path
// ":memory:" keeps nothing.
//
// It fails with [ErrInUse] if another runtime has the directory open (the message names its
// process), [ErrStorage] if the directory can't be made or written, and [ErrCorrupt] if it isn't
// ours or is from a newer version.
func Open(path string, options ...Option) (*Runtime, error) {
	all := C.facetbox_options_new()
	defer C.facetbox_options_free(all)
	err := check(C.facetbox_options_set_path(all, lend(path)))
	for _, option := range options {
		if err == nil {
			err = option.open(all)
		}
	}
	if err != nil {
		return nil, err
	}
	var out *C.facetbox_runtime_t
	if err := check(C.facetbox_runtime_open(all, &out)); err != nil {
		return nil, err
	}
	return &Runtime{ptr: out}, nil
}

// Namespace binds a name to a class, of the host or of guest code. The name decides where the
// objects' data is: bound again, in another process or version of the program, it finds the same
// objects.
//
// It fails with [ErrInvalidArgument] for a name that is empty or bound already.
func (r *Runtime) Namespace(name string, class *Class, options ...NamespaceOption) (*Namespace, error) {
	if class == nil {
		return nil, invalid("class must not be nil.")
	}
	var all bound
	for _, option := range options {
		option.namespace(&all)
	}
	env, limits, free, err := all.encode("env")
	if err != nil {
		return nil, err
	}
	defer free()
	defer runtime.KeepAlive(r)
	defer runtime.KeepAlive(class)
	var out *C.facetbox_namespace_t
	if err := check(C.facetbox_runtime_namespace(r.ptr, lend(name), class.pointer(), env, limits, &out)); err != nil {
		return nil, err
	}
	return newNamespace(out), nil
}

// GetNamespace gives the namespace that is bound to name, or [ErrNotFound].
func (r *Runtime) GetNamespace(name string) (*Namespace, error) {
	defer runtime.KeepAlive(r)
	var out *C.facetbox_namespace_t
	if err := check(C.facetbox_runtime_get_namespace(r.ptr, lend(name), &out)); err != nil {
		return nil, err
	}
	return newNamespace(out), nil
}

// Loader makes a Worker Loader with a cache of its own.
func (r *Runtime) Loader() (*Loader, error) {
	defer runtime.KeepAlive(r)
	var out *C.facetbox_loader_t
	if err := check(C.facetbox_runtime_loader(r.ptr, &out)); err != nil {
		return nil, err
	}
	return newLoader(out), nil
}

// Close ends every object, closes every database and stops the threads. Calls that wait end with
// [ErrClosed], as does everything called afterwards. Closing again does nothing.
//
// It doesn't wait for handlers in Go that are running; what they call fails with [ErrClosed].
func (r *Runtime) Close() error {
	defer runtime.KeepAlive(r)
	err := check(C.facetbox_runtime_close(r.ptr))
	r.freeing.Do(func() {
		own(r, r.ptr, func(ptr *C.facetbox_runtime_t) { C.facetbox_runtime_free(ptr) })
	})
	return err
}
