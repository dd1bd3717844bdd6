package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"reflect"
	"runtime"
)

// DurableObject is an instance of a class of the host. Embed [Base] to write only one of its
// methods.
//
// The methods run on the goroutine of whoever calls the object from Go. Calls to one instance never
// overlap, except that a call which the instance itself makes may come back into it. What they have
// written is durable when their caller gets the answer; also if they return an error.
//
// ctx is the context of the Go call that led here, through guest code, too; [context.Background] if
// there is none. Pass it on, so that the call can be cancelled as a whole. A panic ends the call with
// [ErrPanic]. Methods and functions must not end their goroutine, with [runtime.Goexit] or the methods of testing.T that use it,
// such as Fatal: that ends the program.
//
// An object that sets alarms is an [AlarmHandler], too.
type DurableObject interface {
	// Fetch answers a request.
	Fetch(ctx context.Context, request *Request) (*Response, error)
	// Call answers the call of a method; for unknown names with [NoSuchMethod].
	Call(ctx context.Context, method string, args []any) (any, error)
}

// Base is a [DurableObject] that refuses everything, to be embedded in others.
type Base struct{}

// Fetch refuses the request.
func (Base) Fetch(context.Context, *Request) (*Response, error) {
	return nil, check(C.facetbox_error_no_fetch_handler())
}

// Call refuses the call.
func (Base) Call(_ context.Context, method string, _ []any) (any, error) {
	return nil, NoSuchMethod(method)
}

// Env is what instances of a host class are given: data, functions, stubs, loaders.
type Env map[string]any

// Class is a class of objects or facets: of the host, or from guest code. The same class serves as a
// namespace's class and as a facet's class.
type Class struct {
	ptr *C.facetbox_class_t
}

// construct makes an instance of a host class.
type construct func(ctx *Ctx, env Env) (DurableObject, error)

// HostClass makes a class of the host. Its instances are made by new, which runs once per start of
// an object or facet; several may be made at a time. The class has the name of the type T.
//
// What new returns as an error is the answer to the calls that started the instance; the next call
// tries again.
func HostClass[T DurableObject](new func(ctx *Ctx, env Env) (T, error)) *Class {
	typ := reflect.TypeFor[T]()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return hostClass(typ.Name(), func(ctx *Ctx, env Env) (DurableObject, error) { return new(ctx, env) })
}

func hostClass(name string, new construct) *Class {
	var out *C.facetbox_class_t
	if err := check(C.facetbox_go_class_new_host(lend(name), newHandle(new), &out)); err != nil {
		panic(err) // A Go identifier is a name, and nothing else can be wrong.
	}
	return newClass(out)
}

func newClass(ptr *C.facetbox_class_t) *Class {
	class := &Class{ptr: ptr}
	own(class, ptr, func(ptr *C.facetbox_class_t) { C.facetbox_class_free(ptr) })
	return class
}

// pointer is nil for a nil class, which the library refuses by name.
func (c *Class) pointer() *C.facetbox_class_t {
	if c == nil {
		return nil
	}
	return c.ptr
}

// Name is the name of the class.
func (c *Class) Name() string {
	defer runtime.KeepAlive(c)
	return text(C.facetbox_class_name(c.ptr))
}
