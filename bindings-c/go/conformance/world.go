package main

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"

	"facetbox"
)

// world is the runtime that a case runs in.
type world struct {
	given     *given
	code      facetbox.WorkerCode
	directory string
	runtime   *facetbox.Runtime
	namespace *facetbox.Namespace
}

// supervisor passes on to the facet that each call names: abort(facet, reason), delete(facet). The calls
// and requests of a step it takes from the context, so that they arrive as the case has them: values that
// pass through Go lose the difference between null and undefined.
type supervisor struct {
	ctx   *facetbox.Ctx
	world *world
}

// stepKey is where the context of a call or request has what it is for.
type stepKey struct{}

// target is whom a step calls, and how.
type target struct {
	facet, method string
	args          []any
}

func (s *supervisor) Fetch(ctx context.Context, request *facetbox.Request) (*facetbox.Response, error) {
	facet, err := s.facet(ctx.Value(stepKey{}).(target).facet)
	if err != nil {
		return nil, err
	}
	return facet.Fetch(ctx, request)
}

func (s *supervisor) Call(ctx context.Context, method string, args []any) (any, error) {
	switch method {
	case "call":
		target := ctx.Value(stepKey{}).(target)
		facet, err := s.facet(target.facet)
		if err != nil {
			return nil, err
		}
		return facet.Call(ctx, target.method, target.args...)
	case "abort":
		return nil, s.ctx.Facets().Abort(args[0].(string), args[1].(string))
	case "delete":
		return nil, s.ctx.Facets().Delete(args[0].(string))
	}
	return nil, facetbox.NoSuchMethod(method)
}

func (s *supervisor) facet(name string) (*facetbox.Stub, error) {
	return s.ctx.Facets().Get(name, func() (facetbox.FacetOptions, error) {
		class, err := s.world.app(s.ctx.Loader(), s.world.code)
		return facetbox.FacetOptions{Class: class}, err
	})
}

func open(given *given, guest, directory string) (*world, error) {
	code := facetbox.WorkerCode{MainModule: "main." + guest, Modules: map[string]facetbox.Module{}, Limits: limits(given.Limits)}
	for name, spec := range given.Modules {
		code.Modules[name] = module(spec)
	}
	source := map[string]string{"luau": given.Luau, "js": given.JS}[guest]
	code.Modules[code.MainModule] = facetbox.Source(source)
	if env, ok := value(given.Env).(map[string]any); ok {
		code.Env = env
	}
	world := &world{given: given, code: code, directory: directory}
	return world, world.start()
}

func module(spec any) facetbox.Module {
	fields, typed := spec.(map[string]any)
	if !typed {
		return facetbox.Source(spec.(string))
	}
	for kind, content := range fields {
		switch kind {
		case "text":
			return facetbox.Text(content.(string))
		case "json":
			return facetbox.JSON{Value: value(content)}
		case "data":
			return facetbox.Data(value(content).([]byte))
		case "js":
			return facetbox.JS(content.(string))
		case "luau":
			return facetbox.Luau(content.(string))
		}
	}
	panic(fmt.Sprintf("a module of an unknown type: %v", spec))
}

// limits reads limits by the names that they have in JavaScript.
func limits(named map[string]any) facetbox.Limits {
	var limits facetbox.Limits
	fields := reflect.ValueOf(&limits).Elem()
	for i := range fields.NumField() {
		if limit, ok := named[fields.Type().Field(i).Tag.Get("limit")]; ok {
			fields.Field(i).SetInt(value(limit).(int64))
		}
	}
	return limits
}

// app loads the case's code and takes its class out of it.
func (w *world) app(loader *facetbox.Loader, code facetbox.WorkerCode) (*facetbox.Class, error) {
	worker, err := loader.Load(code)
	if err != nil {
		return nil, err
	}
	return worker.GetDurableObjectClass("App", facetbox.WithProps(value(w.given.Props)))
}

// start opens the runtime and binds the case's own class, or a supervisor around it.
func (w *world) start() error {
	runtime, err := facetbox.Open(filepath.Join(w.directory, "data"), facetbox.WithDurability(facetbox.None))
	if err != nil {
		return err
	}
	w.runtime = runtime
	class := facetbox.HostClass(func(ctx *facetbox.Ctx, _ facetbox.Env) (*supervisor, error) {
		return &supervisor{ctx, w}, nil
	})
	if w.given.Supervisor {
		loader, err := runtime.Loader()
		if err != nil {
			return err
		}
		code := w.code
		code.Env = facetbox.Env{"LOADER": loader}
		for name, entry := range w.code.Env {
			code.Env[name] = entry
		}
		if class, err = w.app(loader, code); err != nil {
			return err
		}
	}
	name := w.given.Namespace
	if name == "" {
		name = "conformance"
	}
	w.namespace, err = runtime.Namespace(name, class)
	return err
}

func (w *world) restart() error {
	if err := w.runtime.Close(); err != nil {
		return err
	}
	return w.start()
}

func (w *world) call(object, facet, method string, args []any) (any, error) {
	stub, err := w.namespace.GetByName(object)
	if err != nil {
		return nil, err
	}
	if w.given.Supervisor {
		return stub.Call(background, method, args...)
	}
	ctx := context.WithValue(background, stepKey{}, target{facet, method, args})
	return stub.Call(ctx, "call")
}

func (w *world) fetch(object, facet string, request *facetbox.Request) (*facetbox.Response, error) {
	stub, err := w.namespace.GetByName(object)
	if err != nil {
		return nil, err
	}
	return stub.Fetch(context.WithValue(background, stepKey{}, target{facet: facet}), request)
}

// forward has the supervisor do something with a facet.
func (w *world) forward(object, method string, args ...any) error {
	stub, err := w.namespace.GetByName(object)
	if err != nil {
		return err
	}
	_, err = stub.Call(background, method, args...)
	return err
}
