package facetbox_test

import (
	"context"
	"reflect"
	"runtime"
	"testing"
	"time"

	"facetbox"
)

const callbacks = `
import { DurableObject, RpcTarget } from "cloudflare:workers";
class Counter extends RpcTarget {
    #count = 0;
    add(n) { return this.#count += n; }
}
export class App extends DurableObject {
    sum() { return (a, b) => a + b; }
    counter() { return new Counter(); }
    never() { return () => new Promise(() => {}); }
    apply(f, ...args) { return f(...args); }
    watched() { const f = () => 1; this.ref = new WeakRef(f); return f; }
    alive() { return this.ref.deref() !== undefined; }
    async subscribe() { return [await this.env.subscribe((text) => text.toUpperCase()), "done"]; }
    stop() { this.ctx.abort("stopped"); }
}
`

func stubOf(t *testing.T, value any) *facetbox.RpcStub {
	t.Helper()
	stub, ok := value.(*facetbox.RpcStub)
	if !ok {
		t.Fatalf("got %#v", value)
	}
	return stub
}

func TestFunctionsAndObjectsOfGuestsAreCalled(t *testing.T) {
	app := guest(t, open(t), "guest", js(callbacks))
	sum := stubOf(t, must(app.Call(background, "sum"))(t))
	counter := stubOf(t, must(app.Call(background, "counter"))(t))
	if !sum.IsFunction() || counter.IsFunction() {
		t.Error("functions and objects are mixed up")
	}
	if got := must(sum.Call(background, 20, 22))(t); got != int64(42) {
		t.Errorf("got %v", got)
	}
	for _, want := range []int64{1, 2} {
		if got := must(counter.CallMethod(background, "add", 1))(t); got != want {
			t.Errorf("got %v", got)
		}
	}
	if got := must(app.Call(background, "apply", sum, 1, 2))(t); got != int64(3) {
		t.Errorf("sent back: got %v", got)
	}
	_, err := counter.Call(background)
	fails(t, err, facetbox.ErrInvalidArgument, "as a function")
	_, err = counter.CallMethod(background, "fly")
	fails(t, err, facetbox.ErrNotFound, "fly")
}

func TestACallbackIsCalledWhileItsGuestWaitsAndLater(t *testing.T) {
	var kept *facetbox.RpcStub
	code := js(callbacks)
	code.Env = facetbox.Env{"subscribe": func(ctx context.Context, args []any) (any, error) {
		kept = args[0].(*facetbox.RpcStub)
		return kept.Call(ctx, "at once")
	}}
	app := guest(t, open(t), "guest", code)
	got := must(app.Call(background, "subscribe"))(t)
	if !reflect.DeepEqual(got, []any{"AT ONCE", "done"}) {
		t.Errorf("got %v", got)
	}
	if got := must(kept.Call(background, "later"))(t); got != "LATER" {
		t.Errorf("got %v", got)
	}
	_, err := app.Call(background, "stop")
	fails(t, err, facetbox.ErrAborted, "stopped")
	_, err = kept.Call(background, "after")
	fails(t, err, facetbox.ErrAborted, "")
}

func TestContextsEndWhatWaits(t *testing.T) {
	rt := open(t)
	app := guest(t, rt, "guest", js(callbacks))
	never := stubOf(t, must(app.Call(background, "never"))(t))
	ctx, cancel := context.WithTimeout(background, time.Millisecond)
	defer cancel()
	if _, err := never.Call(ctx); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	id := must(must(rt.GetNamespace("guest"))(t).IDFromName("a"))(t)
	for name, operation := range map[string]func() error{
		"Deploy":       func() error { _, err := rt.Deploy(ctx, "site", js(callbacks), nil); return err },
		"RunDueAlarms": func() error { _, err := rt.RunDueAlarms(ctx); return err },
		"Export":       func() error { return must(rt.GetNamespace("guest"))(t).Export(ctx, id, "/nowhere/to/go") },
		"Query": func() error {
			_, err := must(rt.GetNamespace("guest"))(t).Query(ctx, id, nil, "SELECT 1")
			return err
		},
	} {
		if err := operation(); err != context.DeadlineExceeded {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestExportsAndQueriesThatWaitEndWithTheirContext(t *testing.T) {
	rt := open(t)
	holding, letGo := make(chan struct{}), make(chan struct{})
	busy := bind(t, rt, "busy", methods{
		"put": func(self *object, _ context.Context, _ []any) (any, error) {
			return nil, self.ctx.Storage().KV().Put("key", 1)
		},
		"hold": func(*object, context.Context, []any) (any, error) { close(holding); <-letGo; return nil, nil },
	})
	must(busy.Call(background, "put"))(t)
	held := make(chan error)
	go func() { _, err := busy.Call(background, "hold"); held <- err }()
	<-holding
	space := must(rt.GetNamespace("busy"))(t)
	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	if err := space.Export(ctx, busy.ID(), t.TempDir()+"/copy"); err != context.DeadlineExceeded {
		t.Errorf("Export: got %v", err)
	}
	if err := busy.Export(ctx, t.TempDir()+"/copy"); err != context.DeadlineExceeded {
		t.Errorf("Stub.Export: got %v", err)
	}
	if _, err := space.Query(ctx, busy.ID(), nil, "SELECT 1"); err != context.DeadlineExceeded {
		t.Errorf("Query: got %v", err)
	}
	close(letGo)
	if err := <-held; err != nil {
		t.Error(err)
	}
}

func TestTheGuestKeepsAFunctionUntilGoForgetsIt(t *testing.T) {
	app := guest(t, open(t), "guest", js(callbacks))
	watched := must(app.Call(background, "watched"))(t)
	if must(app.Call(background, "alive"))(t) != true {
		t.Error("it was dropped too early")
	}
	runtime.KeepAlive(watched)
	for range 1000 {
		runtime.GC()
		if must(app.Call(background, "alive"))(t) == false {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("it was never dropped")
}
