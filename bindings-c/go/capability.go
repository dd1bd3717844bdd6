package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"reflect"
	"runtime"
	"strings"
)

// capability makes a value of what the receiver of the value can use; nil if it is nothing of that
// kind.
func (e *encoder) capability(value any) (*C.facetbox_value_t, error) {
	defer runtime.KeepAlive(value)
	var out *C.facetbox_value_t
	failure := newCapability(value, &out)
	return e.made(out, failure)
}

func newCapability(value any, out **C.facetbox_value_t) *C.facetbox_error_t {
	switch v := value.(type) {
	case func([]any) (any, error):
		function := Function(func(_ context.Context, args []any) (any, error) { return v(args) })
		return C.facetbox_go_value_new_function(lend(functionName(v)), newHandle(function), out)
	case func(context.Context, []any) (any, error):
		return C.facetbox_go_value_new_function(lend(functionName(v)), newHandle(Function(v)), out)
	case Function:
		return C.facetbox_go_value_new_function(lend(functionName(v)), newHandle(v), out)
	case FetchFunc:
		return C.facetbox_go_value_new_function(lend(functionName(v)), newHandle(v.function()), out)
	case *RpcStub:
		*out = C.facetbox_value_clone(v.ptr)
	case *Stub:
		return C.facetbox_value_new_stub(v.ptr, out)
	case *Class:
		return C.facetbox_value_new_class(v.ptr, out)
	case *Namespace:
		return C.facetbox_value_new_namespace(v.ptr, out)
	case *Loader:
		return C.facetbox_value_new_loader(v.ptr, out)
	case Object:
		return C.facetbox_go_value_new_object(lend(typeName(v)), newHandle(v), out)
	case error:
		failure := raise(v)
		defer C.facetbox_error_free(failure)
		return C.facetbox_value_new_error(failure, out)
	}
	return nil
}

// functionName is what messages call a function: the name that it has in its package.
func functionName(function any) string {
	named := runtime.FuncForPC(reflect.ValueOf(function).Pointer())
	if named == nil {
		return "function"
	}
	name := named.Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	_, name, _ = strings.Cut(name, ".")
	return strings.TrimSuffix(name, "-fm")
}

// typeName is what messages call an object: the name of its type.
func typeName(object any) string {
	kind := reflect.TypeOf(object)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if kind.Name() == "" {
		return "object"
	}
	return kind.Name()
}

// function is f as a function of values.
func (f FetchFunc) function() Function {
	return func(ctx context.Context, args []any) (any, error) {
		if len(args) == 1 {
			if request, ok := args[0].(*Request); ok {
				return f(ctx, request)
			}
		}
		return nil, invalid("The function answers requests: its one argument must be a *Request.")
	}
}

// decodeCapability converts what isn't data; what later versions may add is an [RpcStub], too.
func decodeCapability(value *C.facetbox_value_t) any {
	var stub *C.facetbox_stub_t
	if C.facetbox_value_as_stub(value, &stub) {
		return newStub(stub)
	}
	var class *C.facetbox_class_t
	if C.facetbox_value_as_class(value, &class) {
		return newClass(class)
	}
	var namespace *C.facetbox_namespace_t
	if C.facetbox_value_as_namespace(value, &namespace) {
		return newNamespace(namespace)
	}
	var loader *C.facetbox_loader_t
	if C.facetbox_value_as_loader(value, &loader) {
		return newLoader(loader)
	}
	return newRpcStub(C.facetbox_value_clone(value))
}
