package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
)

// Deployment is a whole module that runs under a name: its classes are namespaces, its default export
// answers requests. All deployments of one name are the version that was deployed last. It may be used
// by several goroutines at a time.
type Deployment struct {
	ptr *C.facetbox_deployment_t
}

// Deploy runs a whole module that you trust, with supervisors and a fetch handler, such as one that was
// written for Cloudflare Workers. Each class that it exports and that extends DurableObject becomes the
// namespace "name/Class". Its env is that of code with the entries of env put over it, and has a
// [Loader] as "LOADER" unless one of them says otherwise.
//
// Deploying a name again replaces its code once the new code has been evaluated: objects that run fail
// what they are doing with [ErrReset], new stubs reach the new code, data stays. Nothing has changed
// after an error: [ErrLoadError] if the module doesn't load or exports nothing to run, [ErrGuestError]
// for what it throws, [ErrInvalidArgument] for a name that is empty or taken.
//
// When ctx ends before, Deploy returns ctx.Err(), and nothing has changed.
func (r *Runtime) Deploy(ctx context.Context, name string, code WorkerCode, env Env) (*Deployment, error) {
	encoded, err := code.encode()
	if err != nil {
		return nil, err
	}
	defer C.facetbox_worker_code_free(encoded)
	var over *C.facetbox_value_t
	if env != nil {
		if over, err = encode("env", map[string]any(env)); err != nil {
			return nil, err
		}
	}
	defer C.facetbox_value_free(over)
	defer runtime.KeepAlive(r)
	var out *C.facetbox_deployment_t
	err = wait(ctx, func(cancel *C.facetbox_cancel_t, state C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_go_runtime_deploy(r.ptr, lend(name), encoded, over, cancel, state, &out)
	})
	if err != nil {
		return nil, err
	}
	deployment := &Deployment{ptr: out}
	own(deployment, out, func(ptr *C.facetbox_deployment_t) { C.facetbox_deployment_free(ptr) })
	return deployment, nil
}

// Name is the deployment's name.
func (d *Deployment) Name() string {
	defer runtime.KeepAlive(d)
	return text(C.facetbox_deployment_name(d.ptr))
}

// ClassNames are the names of the classes that it exports, sorted.
func (d *Deployment) ClassNames() ([]string, error) {
	defer runtime.KeepAlive(d)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_deployment_class_names(d.ptr, &out)); err != nil {
		return nil, err
	}
	return rows[string](out), nil
}

// Namespace is the namespace of an exported class; [ErrNotFound] if there is none.
func (d *Deployment) Namespace(class string) (*Namespace, error) {
	defer runtime.KeepAlive(d)
	var out *C.facetbox_namespace_t
	if err := check(C.facetbox_deployment_namespace(d.ptr, lend(class), &out)); err != nil {
		return nil, err
	}
	return newNamespace(out), nil
}

// GetEntrypoint gives a stub of the exported entrypoint name, which keeps to the code that is deployed
// now; an empty name is the default export. [ErrNotFound] if there is none.
func (d *Deployment) GetEntrypoint(name string) (*Stub, error) {
	defer runtime.KeepAlive(d)
	if name == "" {
		name = "default"
	}
	var out *C.facetbox_stub_t
	if err := check(C.facetbox_deployment_get_entrypoint(d.ptr, lend(name), &out)); err != nil {
		return nil, err
	}
	return newStub(out), nil
}

// Fetch sends a request to the default export as it is deployed now; otherwise it is as [Stub.Fetch].
// [ErrNotFound] if it has no fetch handler.
func (d *Deployment) Fetch(ctx context.Context, request *Request) (*Response, error) {
	defer runtime.KeepAlive(d)
	var out *C.facetbox_stub_t
	if err := check(C.facetbox_deployment_fetcher(d.ptr, &out)); err != nil {
		return nil, err
	}
	return newStub(out).Fetch(ctx, request)
}
