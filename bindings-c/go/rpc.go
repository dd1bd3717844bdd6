package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
)

// RpcStub is a function, or an object with methods, that came out of the library: one of a guest, or one of
// this program that a guest has passed back. It may be used by several goroutines at a time.
//
// What a guest has made works while its instance runs, and fails with [ErrAborted] once that has hibernated,
// was aborted or hit a limit. The guest keeps it until Go has forgotten the stub.
type RpcStub struct {
	ptr *C.facetbox_value_t
}

func newRpcStub(ptr *C.facetbox_value_t) *RpcStub {
	stub := &RpcStub{ptr: ptr}
	own(stub, ptr, func(ptr *C.facetbox_value_t) { C.facetbox_value_free(ptr) })
	return stub
}

// IsFunction says whether it is a function, in contrast to an object with methods.
func (s *RpcStub) IsFunction() bool {
	defer runtime.KeepAlive(s)
	return C.facetbox_value_type(s.ptr) == C.FACETBOX_TYPE_FUNCTION
}

// Call calls the function and blocks until it answers, as [Stub.Call] does. It fails with
// [ErrInvalidArgument] if it is an object.
func (s *RpcStub) Call(ctx context.Context, args ...any) (any, error) {
	return s.call(ctx, C.facetbox_str_t{}, args)
}

// CallMethod calls a method of the object; otherwise it is as [RpcStub.Call]. It fails with [ErrNotFound] for
// methods that aren't there.
func (s *RpcStub) CallMethod(ctx context.Context, method string, args ...any) (any, error) {
	return s.call(ctx, lend(method), args)
}

// Fetch calls a function that gets a request and answers a response, such as what [Revoker.Wrap] makes of a
// [FetchFunc]. It fails with [ErrInvalidArgument] if it answers anything else.
func (s *RpcStub) Fetch(ctx context.Context, request *Request) (*Response, error) {
	answer, err := s.Call(ctx, request)
	if err != nil {
		return nil, err
	}
	response, ok := answer.(*Response)
	if !ok {
		return nil, invalid(fmt.Sprintf("The function must answer a *Response, got %T.", answer))
	}
	return response, nil
}

func (s *RpcStub) call(ctx context.Context, method C.facetbox_str_t, args []any) (any, error) {
	list, err := encodeArgs(args)
	if err != nil {
		return nil, err
	}
	defer C.facetbox_value_free(list)
	defer runtime.KeepAlive(s)
	var out *C.facetbox_value_t
	err = wait(ctx, func(cancel *C.facetbox_cancel_t, state C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_go_value_call(s.ptr, method, list, cancel, state, &out)
	})
	if err != nil {
		return nil, err
	}
	return take(out), nil
}
