package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"runtime/cgo"
)

// Stub is the address of an object, a facet or an entrypoint.
//
// A stub binds to the running instance at its first use. When that instance breaks, the stub keeps
// failing with its error; a new stub reaches a new instance. A stub may be used by several
// goroutines at a time.
type Stub struct {
	ptr *C.facetbox_stub_t
}

func newStub(ptr *C.facetbox_stub_t) *Stub {
	stub := &Stub{ptr: ptr}
	own(stub, ptr, func(ptr *C.facetbox_stub_t) { C.facetbox_stub_free(ptr) })
	return stub
}

// Call calls a method and blocks until it answers.
//
// It fails with what the method throws, or with what stands in its way. When ctx ends while the call
// waits, the call is cancelled at once, which discards what it hasn't committed, and Call
// returns ctx.Err(). Go code that the call reaches isn't interrupted: it gets ctx itself. Guest code
// that computes isn't either: its limits end it.
//
// Call from the goroutine of the handler, not from another one, when a handler calls others: only so
// a call that comes back to the handler's own object is known to belong to it, and is let in.
func (s *Stub) Call(ctx context.Context, method string, args ...any) (any, error) {
	list, err := encodeArgs(args)
	if err != nil {
		return nil, err
	}
	defer C.facetbox_value_free(list)
	defer runtime.KeepAlive(s)
	var out *C.facetbox_value_t
	err = wait(ctx, func(cancel *C.facetbox_cancel_t, state C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_go_stub_call(s.ptr, lend(method), list, cancel, state, &out)
	})
	if err != nil {
		return nil, err
	}
	return take(out), nil
}

// Fetch sends a request and blocks until it is answered. Otherwise it is as [Stub.Call].
func (s *Stub) Fetch(ctx context.Context, request *Request) (*Response, error) {
	encoded, err := request.encode()
	if err != nil {
		return nil, err
	}
	defer C.facetbox_request_free(encoded)
	defer runtime.KeepAlive(s)
	var out *C.facetbox_response_t
	err = wait(ctx, func(cancel *C.facetbox_cancel_t, state C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_go_stub_fetch(s.ptr, encoded, cancel, state, &out)
	})
	if err != nil {
		return nil, err
	}
	return takeResponse(out), nil
}

// ID is the object's id; nil for facets and entrypoints.
func (s *Stub) ID() *ObjectID {
	defer runtime.KeepAlive(s)
	var out *C.facetbox_object_id_t
	if check(C.facetbox_stub_id(s.ptr, &out)) != nil || out == nil {
		return nil
	}
	return newObjectID(out)
}

// Name is the name that the object's id was made from; empty without one.
func (s *Stub) Name() string {
	defer runtime.KeepAlive(s)
	return text(C.facetbox_stub_name(s.ptr))
}

// wait makes a blocking call that ends when ctx does. The call gets what ctx fires when it ends, nil if
// it never does, and ctx itself as its state, which the library hands to the Go code that it calls on the
// way.
func wait(ctx context.Context, call func(cancel *C.facetbox_cancel_t, state C.uintptr_t) *C.facetbox_error_t) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ctx == context.Background() || ctx == context.TODO() {
		return check(call(nil, 0))
	}
	state := cgo.NewHandle(ctx)
	defer state.Delete()
	if ctx.Done() == nil {
		return check(call(nil, C.uintptr_t(state)))
	}
	cancel := C.facetbox_cancel_new()
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		C.facetbox_cancel_fire(cancel)
		close(fired)
	})
	// However the call ends, nobody fires what is freed.
	defer func() {
		if !stop() {
			<-fired
		}
		C.facetbox_cancel_free(cancel)
	}()
	err := check(call(cancel, C.uintptr_t(state)))
	if errors.Is(err, ErrAborted) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// contextOf is the context of the call that the library is in; the background without one.
func contextOf(state C.uintptr_t) context.Context {
	if state == 0 {
		return context.Background()
	}
	return handled[context.Context](state)
}
