package facetbox_test

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"facetbox"
)

const toolUser = `
local util = require("./util")
local App = DurableObject:extend("App")
function App:modules() return { util.double(4), require("./text"), require("./data"), require("./json") } end
function App:hello(who) return self.env.hello(who) end
function App:tool(method, n) return self.env.TOOL[method](self.env.TOOL, n) end
function App:call(f, ...) return f(...) end
function App:give() return self.env.hello end
function App:props() return self.ctx.props end
function App:reach(url) return fetch(url):text() end
local Main = WorkerEntrypoint:extend("Main")
function Main:square(n) return n * n end
return { App = App, default = Main }
`

// tool is an object of the host with one method.
type tool struct{ factor int64 }

func (t *tool) Call(_ context.Context, method string, args []any) (any, error) {
	if method != "times" {
		return nil, facetbox.NoSuchMethod(method)
	}
	return t.factor * args[0].(int64), nil
}

func toolCode() facetbox.WorkerCode {
	code := luau(toolUser)
	code.Modules["util"] = facetbox.Luau("return { double = function(n) return 2 * n end }")
	code.Modules["text"] = facetbox.Text("some text")
	code.Modules["data"] = facetbox.Data{1, 2}
	code.Modules["json"] = facetbox.JSON{Value: map[string]any{"a": 1}}
	code.Env = facetbox.Env{
		"hello": func(args []any) (any, error) { return fmt.Sprint("hello ", args[0]), nil },
		"TOOL":  &tool{3},
	}
	return code
}

func TestGuestsUseWhatTheyAreGiven(t *testing.T) {
	app := guest(t, open(t), "guest", toolCode())
	for _, c := range []struct {
		want   any
		method string
		args   []any
	}{
		{[]any{int64(8), "some text", []byte{1, 2}, map[string]any{"a": int64(1)}}, "modules", nil},
		{"hello you", "hello", []any{"you"}},
		{int64(21), "tool", []any{"times", 7}},
		{int64(5), "call", []any{func(args []any) (any, error) { return args[0].(int64) + args[1].(int64), nil }, 2, 3}},
	} {
		if got := must(app.Call(background, c.method, c.args...))(t); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", c.method, got, c.want)
		}
	}
	_, err := app.Call(background, "tool", "fly", 1)
	fails(t, err, facetbox.ErrNotFound, "fly")
}

func TestFunctionsGetTheContextOfTheCall(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(background, key{}, "mine")
	app := guest(t, open(t), "guest", toolCode())
	value := func(ctx context.Context, _ []any) (any, error) { return ctx.Value(key{}), nil }
	for _, function := range []any{value, facetbox.Function(value)} {
		if got := must(app.Call(ctx, "call", function))(t); got != "mine" {
			t.Errorf("got %v", got)
		}
		if got := must(app.Call(background, "call", function))(t); got != nil {
			t.Errorf("without a context: got %v", got)
		}
	}
}

func TestFunctionsThatCameOutCanGoInAgain(t *testing.T) {
	app := guest(t, open(t), "guest", toolCode())
	hello, ok := must(app.Call(background, "give"))(t).(*facetbox.RpcStub)
	if !ok {
		t.Fatalf("got %#v", hello)
	}
	if got := must(app.Call(background, "call", hello, "again"))(t); got != "hello again" {
		t.Errorf("got %v", got)
	}
}

func TestStubsClassesNamespacesAndLoadersAreValues(t *testing.T) {
	rt := open(t)
	app := guest(t, rt, "guest", toolCode())
	env := facetbox.Env{
		"STUB": app, "SPACE": must(rt.GetNamespace("guest"))(t), "LOADER": must(rt.Loader())(t), "CLASS": host(nil),
	}
	read := methods{"read": func(self *object, ctx context.Context, _ []any) (any, error) {
		fromSpace, err := self.env["SPACE"].(*facetbox.Namespace).GetByName("a")
		if err != nil {
			return nil, err
		}
		fromLoader, err := exported(self.env["LOADER"].(*facetbox.Loader), toolCode())
		if err != nil {
			return nil, err
		}
		name, err := self.env["STUB"].(*facetbox.Stub).Call(ctx, "hello", fromLoader.Name())
		if err != nil {
			return nil, err
		}
		again, err := fromSpace.Call(ctx, "hello", self.env["CLASS"].(*facetbox.Class).Name())
		return []any{name, again}, err
	}}
	space := must(rt.Namespace("host", host(read), facetbox.WithEnv(env)))(t)
	got := must(must(space.GetByName("a"))(t).Call(background, "read"))(t)
	if want := []any{"hello App", "hello object"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEntrypointsPropsAndOutbound(t *testing.T) {
	rt := open(t)
	code := toolCode()
	code.GlobalOutbound = facetbox.FetchFunc(func(_ context.Context, request *facetbox.Request) (*facetbox.Response, error) {
		return facetbox.TextResponse("from " + request.URL), nil
	})
	worker := must(must(rt.Loader())(t).Load(code))(t)
	main := must(worker.GetEntrypoint(""))(t)
	if got := must(main.Call(background, "square", 9))(t); got != int64(81) || main.ID() != nil || main.Name() != "" {
		t.Errorf("the entrypoint answers %v", got)
	}

	class := must(worker.GetDurableObjectClass("App", facetbox.WithProps(map[string]any{"tenant": 7}),
		facetbox.WithLimits(facetbox.Limits{CPUMs: 500})))(t)
	app := must(must(rt.Namespace("apps", class))(t).GetByName("a"))(t)
	if got := must(app.Call(background, "props"))(t); !reflect.DeepEqual(got, map[string]any{"tenant": int64(7)}) {
		t.Errorf("the props are %v", got)
	}
	if got := must(app.Call(background, "reach", "http://example.com/x"))(t); got != "from http://example.com/x" {
		t.Errorf("the network answers %v", got)
	}

	code.GlobalOutbound = bindEcho(t, rt)
	other := guest(t, rt, "other", code)
	if got := must(other.Call(background, "reach", "http://example.com/y"))(t); got != "GET http://example.com/y" {
		t.Errorf("the object answers %v", got)
	}
}

func TestFailuresOfALoaderAreNotCached(t *testing.T) {
	rt := open(t)
	loader := must(rt.Loader())(t)
	calls := 0
	get := func() *facetbox.WorkerStub {
		return must(loader.Get("id", func() (facetbox.WorkerCode, error) {
			calls++
			if calls == 1 {
				return facetbox.WorkerCode{}, fmt.Errorf("not yet")
			}
			return toolCode(), nil
		}))(t)
	}
	_, err := must(get().GetEntrypoint(""))(t).Call(background, "square", 1)
	if err == nil || err.Error() != "not yet" {
		t.Errorf("the first time: %v", err)
	}
	for range 2 {
		must(must(get().GetEntrypoint(""))(t).Call(background, "square", 1))(t)
	}
	if calls != 2 {
		t.Errorf("the code was asked for %d times", calls)
	}
}

// What the library was given is given back: a function when the last value that has it is gone.
func TestFunctionsAreFreed(t *testing.T) {
	rt := open(t)
	app := guest(t, rt, "guest", toolCode())
	freed := make(chan struct{})
	func() {
		given := &tool{2}
		runtime.AddCleanup(given, func(done chan struct{}) { close(done) }, freed)
		must(app.Call(background, "call", func([]any) (any, error) { return given.factor, nil }))(t)
	}()
	if err := rt.Close(); err != nil { // The guest may have kept it.
		t.Fatal(err)
	}
	if !isClosed(freed) {
		t.Error("the function is still held")
	}
}

// Closing a runtime lets go of a class from which stubs lead back to itself.
func TestClassesAreFreed(t *testing.T) {
	rt := open(t)
	freed := make(chan struct{})
	func() {
		type own struct{ stub *facetbox.Stub }
		held := &own{}
		runtime.AddCleanup(held, func(done chan struct{}) { close(done) }, freed)
		class := host(methods{"is": func(*object, context.Context, []any) (any, error) {
			return held.stub != nil, nil
		}})
		held.stub = must(must(rt.Namespace("own", class))(t).GetByName("a"))(t)
		if got := must(held.stub.Call(background, "is"))(t); got != true {
			t.Errorf("got %v", got)
		}
	}()
	if err := rt.Close(); err != nil {
		t.Fatal(err)
	}
	if !isClosed(freed) {
		t.Error("the class is still held")
	}
}

// isClosed collects garbage until the channel is closed, 20 seconds long.
func isClosed(freed <-chan struct{}) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		select {
		case <-freed:
			return true
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}
