package facetbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"facetbox"
)

var background = context.Background()

// open opens a runtime that is closed at the end of the test.
func open(t *testing.T, options ...facetbox.Option) *facetbox.Runtime {
	t.Helper()
	return openAt(t, ":memory:", options...)
}

func openAt(t *testing.T, path string, options ...facetbox.Option) *facetbox.Runtime {
	t.Helper()
	runtime := must(facetbox.Open(path, options...))(t)
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	return runtime
}

// must makes an error the end of the test.
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// fails checks an error's code and that its message has a text in it.
func fails(t *testing.T, err error, code facetbox.Code, message string) {
	t.Helper()
	if !errors.Is(err, code) || !strings.Contains(err.Error(), message) {
		t.Fatalf("got the error %v (%#v), want %v with %q", err, err, code, message)
	}
}

// luau is code with one module.
func luau(source string) facetbox.WorkerCode {
	return facetbox.WorkerCode{MainModule: "main.luau", Modules: map[string]facetbox.Module{"main.luau": facetbox.Source(source)}}
}

// exported loads code and takes the class App out of it.
func exported(loader *facetbox.Loader, code facetbox.WorkerCode) (*facetbox.Class, error) {
	worker, err := loader.Load(code)
	if err != nil {
		return nil, err
	}
	return worker.GetDurableObjectClass("App")
}

// guest binds the class App of some code to a name and gives an object of it.
func guest(t *testing.T, runtime *facetbox.Runtime, name string, code facetbox.WorkerCode) *facetbox.Stub {
	t.Helper()
	class := must(exported(must(runtime.Loader())(t), code))(t)
	return must(must(runtime.Namespace(name, class))(t).GetByName("a"))(t)
}

// object is an instance of a host class whose methods are functions.
type object struct {
	facetbox.Base
	ctx     *facetbox.Ctx
	env     facetbox.Env
	methods methods
}

type methods map[string]func(self *object, ctx context.Context, args []any) (any, error)

func (o *object) Call(ctx context.Context, method string, args []any) (any, error) {
	if function := o.methods[method]; function != nil {
		return function(o, ctx, args)
	}
	return o.Base.Call(ctx, method, args)
}

// host makes a class of methods.
func host(methods methods) *facetbox.Class {
	return facetbox.HostClass(func(ctx *facetbox.Ctx, env facetbox.Env) (*object, error) {
		return &object{ctx: ctx, env: env, methods: methods}, nil
	})
}

// bind makes an object of a class of methods.
func bind(t *testing.T, runtime *facetbox.Runtime, name string, methods methods) *facetbox.Stub {
	t.Helper()
	return must(must(runtime.Namespace(name, host(methods)))(t).GetByName("a"))(t)
}

func TestVersionIsThatOfTheHeader(t *testing.T) {
	header := string(must(os.ReadFile("../../include/facetbox.h"))(t))
	want := fmt.Sprintf("#define FACETBOX_VERSION %q\n", facetbox.Version())
	if !strings.Contains(header, want) {
		t.Errorf("the header lacks %q", want)
	}
}
