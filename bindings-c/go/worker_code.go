package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"maps"
	"runtime"
	"slices"
)

// WorkerCode is guest code with all that it is given.
type WorkerCode struct {
	// MainModule names the module that exports classes; its type chooses the engine.
	MainModule string
	// Modules are the modules by name.
	Modules map[string]Module
	// Env is what the code gets as env: data, functions, objects, stubs, loaders. It is the only way
	// out of the sandbox.
	Env Env
	// GlobalOutbound answers the requests that the code makes with fetch(): a [Stub], a [FetchFunc], or an [RpcStub], such
	// as a [Revoker] makes of either.
	// Nil means that it has no network.
	GlobalOutbound Fetcher
	// Limits are limits of the code.
	Limits Limits
	// Tails get the tail events of the code: each is a [Stub], whose method "tail" is called with a list
	// of events, or a [Function], which gets the list as its argument.
	Tails []any
}

// Module is a module of guest code.
type Module interface {
	add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error
}

type (
	// Source is a module whose type its name says: .luau, .lua, .js or .mjs.
	Source string
	// Luau is a module of Luau source, whatever its name.
	Luau string
	// JS is an ES module of JavaScript source, whatever its name.
	JS string
	// Text is a module that is a text.
	Text string
	// Data is a module that is bytes.
	Data []byte
	// JSON is a module that is a value, of which each import gets a copy.
	JSON struct{ Value any }
)

func (m Source) add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error {
	return check(C.facetbox_worker_code_add_module(code, name, lend(string(m))))
}

func (m Luau) add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error {
	return check(C.facetbox_worker_code_add_luau(code, name, lend(string(m))))
}

func (m JS) add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error {
	return check(C.facetbox_worker_code_add_js(code, name, lend(string(m))))
}

func (m Text) add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error {
	return check(C.facetbox_worker_code_add_text(code, name, lend(string(m))))
}

func (m Data) add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error {
	if m == nil {
		m = Data{}
	}
	return check(C.facetbox_worker_code_add_data(code, name, lendBytes(m)))
}

func (m JSON) add(code *C.facetbox_worker_code_t, name C.facetbox_str_t) error {
	value, err := encode("json", m.Value)
	if err != nil {
		return err
	}
	defer C.facetbox_value_free(value)
	return check(C.facetbox_worker_code_add_json(code, name, value))
}

// Fetcher is what answers requests: a [Stub], a [DurableObject] or a [FetchFunc].
type Fetcher interface {
	Fetch(ctx context.Context, request *Request) (*Response, error)
}

// FetchFunc is a function that answers requests.
type FetchFunc func(ctx context.Context, request *Request) (*Response, error)

// Fetch calls f.
func (f FetchFunc) Fetch(ctx context.Context, request *Request) (*Response, error) {
	return f(ctx, request)
}

// encode makes code of the library, which the caller frees.
func (c WorkerCode) encode() (*C.facetbox_worker_code_t, error) {
	var out *C.facetbox_worker_code_t
	if err := check(C.facetbox_worker_code_new(lend(c.MainModule), &out)); err != nil {
		return nil, err
	}
	for _, step := range []func(*C.facetbox_worker_code_t) error{c.setModules, c.setEnv, c.setOutbound, c.setLimits, c.setTails} {
		if err := step(out); err != nil {
			C.facetbox_worker_code_free(out)
			return nil, err
		}
	}
	return out, nil
}

func (c WorkerCode) setModules(code *C.facetbox_worker_code_t) error {
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		module := c.Modules[name]
		if module == nil {
			module = Source("")
		}
		if err := module.add(code, lend(name)); err != nil {
			return err
		}
	}
	return nil
}

func (c WorkerCode) setEnv(code *C.facetbox_worker_code_t) error {
	if c.Env == nil {
		return nil
	}
	env, err := encode("env", map[string]any(c.Env))
	if err != nil {
		return err
	}
	defer C.facetbox_value_free(env)
	return check(C.facetbox_worker_code_set_env(code, env))
}

func (c WorkerCode) setOutbound(code *C.facetbox_worker_code_t) error {
	switch outbound := c.GlobalOutbound.(type) {
	case nil:
		return nil
	case *Stub:
		defer runtime.KeepAlive(outbound)
		return check(C.facetbox_worker_code_set_global_outbound_stub(code, outbound.ptr))
	case *RpcStub:
		defer runtime.KeepAlive(outbound)
		return check(C.facetbox_worker_code_set_global_outbound_value(code, outbound.ptr))
	default:
		return check(C.facetbox_go_set_global_outbound(code, newHandle(outbound)))
	}
}

func (c WorkerCode) setLimits(code *C.facetbox_worker_code_t) error {
	limits, err := c.Limits.encode()
	if err != nil || limits == nil {
		return err
	}
	defer C.facetbox_value_free(limits)
	return check(C.facetbox_worker_code_set_limits(code, limits))
}

func (c WorkerCode) setTails(code *C.facetbox_worker_code_t) error {
	if c.Tails == nil {
		return nil
	}
	tails, err := encode("tails", c.Tails)
	if err != nil {
		return err
	}
	defer C.facetbox_value_free(tails)
	return check(C.facetbox_worker_code_set_tails(code, tails))
}
