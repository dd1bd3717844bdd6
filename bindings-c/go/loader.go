package facetbox

// #include "bridge.h"
import "C"

import (
	"runtime"
	"runtime/cgo"
)

// Loader is a Worker Loader: it loads guest code, which is the only way from text to a class. It may
// be used by several goroutines at a time.
type Loader struct {
	ptr *C.facetbox_loader_t
	// ctx owns ptr, unless the loader itself does.
	ctx *Ctx
}

func newLoader(ptr *C.facetbox_loader_t) *Loader {
	loader := &Loader{ptr: ptr}
	own(loader, ptr, func(ptr *C.facetbox_loader_t) { C.facetbox_loader_free(ptr) })
	return loader
}

// Load loads code that isn't cached.
//
// It fails with [ErrInvalidArgument], [ErrLoadError] or [ErrUnsupported] for code that can't be
// loaded whatever its modules say. Errors in modules show at the first use of a class or entrypoint.
func (l *Loader) Load(code WorkerCode) (*WorkerStub, error) {
	encoded, err := code.encode()
	if err != nil {
		return nil, err
	}
	defer C.facetbox_worker_code_free(encoded)
	defer runtime.KeepAlive(l)
	var out *C.facetbox_worker_t
	if err := check(C.facetbox_loader_load(l.ptr, encoded, &out)); err != nil {
		return nil, err
	}
	return newWorkerStub(out), nil
}

// Get gives the worker cached as id, loaded from what code returns if there is none. It calls code
// at most once, before it returns.
//
// A failure of code isn't cached: it shows at the first use of the worker, and the next Get tries
// again.
func (l *Loader) Get(id string, code func() (WorkerCode, error)) (*WorkerStub, error) {
	if code == nil {
		return nil, invalid("code must not be nil.")
	}
	defer runtime.KeepAlive(l)
	handle := cgo.NewHandle(code)
	defer handle.Delete()
	var out *C.facetbox_worker_t
	if err := check(C.facetbox_go_loader_get(l.ptr, lend(id), C.uintptr_t(handle), &out)); err != nil {
		return nil, err
	}
	return newWorkerStub(out), nil
}

// WorkerStub is loaded code.
type WorkerStub struct {
	ptr *C.facetbox_worker_t
}

func newWorkerStub(ptr *C.facetbox_worker_t) *WorkerStub {
	worker := &WorkerStub{ptr: ptr}
	own(worker, ptr, func(ptr *C.facetbox_worker_t) { C.facetbox_worker_free(ptr) })
	return worker
}

// GetDurableObjectClass gives the exported class name. That it exists is checked when it is used.
func (w *WorkerStub) GetDurableObjectClass(name string, options ...ExportOption) (*Class, error) {
	props, limits, free, err := exported(options)
	if err != nil {
		return nil, err
	}
	defer free()
	defer runtime.KeepAlive(w)
	var out *C.facetbox_class_t
	if err := check(C.facetbox_worker_get_durable_object_class(w.ptr, lend(name), props, limits, &out)); err != nil {
		return nil, err
	}
	return newClass(out), nil
}

// GetEntrypoint gives a stub of the exported entrypoint name, which is stateless; an empty name is
// the default export.
func (w *WorkerStub) GetEntrypoint(name string, options ...ExportOption) (*Stub, error) {
	props, limits, free, err := exported(options)
	if err != nil {
		return nil, err
	}
	defer free()
	defer runtime.KeepAlive(w)
	var export C.facetbox_str_t
	if name != "" {
		export = lend(name)
	}
	var out *C.facetbox_stub_t
	if err := check(C.facetbox_worker_get_entrypoint(w.ptr, export, props, limits, &out)); err != nil {
		return nil, err
	}
	return newStub(out), nil
}

func exported(options []ExportOption) (props, limits *C.facetbox_value_t, free func(), err error) {
	var all bound
	for _, option := range options {
		option.export(&all)
	}
	return all.encode("props")
}
