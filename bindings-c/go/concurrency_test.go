package facetbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"facetbox"
)

// counter is right only if its calls never overlap.
type counter struct {
	facetbox.Base
	ctx    *facetbox.Ctx
	count  int
	inside bool
}

func (c *counter) Call(_ context.Context, _ string, _ []any) (any, error) {
	if c.inside {
		return nil, errors.New("calls overlap")
	}
	c.inside = true
	defer func() { c.inside = false }()
	c.count++
	return c.count, c.ctx.Storage().KV().Put("count", c.count)
}

func bindCounters(t *testing.T, runtime *facetbox.Runtime) *facetbox.Namespace {
	t.Helper()
	class := facetbox.HostClass(func(ctx *facetbox.Ctx, _ facetbox.Env) (*counter, error) { return &counter{ctx: ctx}, nil })
	return must(runtime.Namespace("counters", class))(t)
}

func TestManyGoroutinesCallHostsAndGuests(t *testing.T) {
	const goroutines, calls = 64, 20
	runtime := open(t)
	counters := bindCounters(t, runtime)
	shared := must(counters.GetByName("shared"))(t)
	sum := guest(t, runtime, "guest", luau(summer))
	ctx, cancel := context.WithCancel(background)
	defer cancel()

	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() {
			own, err := counters.GetByName(fmt.Sprint(i % 8))
			for n := 0; n < calls && err == nil; n++ {
				_, err1 := shared.Call(ctx, "count")
				_, err2 := own.Call(background, "count")
				_, err3 := sum.Call(ctx, "add", 1)
				err = errors.Join(err1, err2, err3)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if count := must(shared.Call(background, "count"))(t); count != int64(goroutines*calls+1) {
		t.Errorf("the shared counter is at %v", count)
	}
	if total := must(sum.Call(background, "add", 0))(t); total != int64(goroutines*calls) {
		t.Errorf("the guest's sum is %v", total)
	}
}

func TestCallsComeBackIntoTheirOwnObject(t *testing.T) {
	runtime := open(t)
	var self *facetbox.Stub
	self = bind(t, runtime, "host", methods{
		"down": func(_ *object, ctx context.Context, args []any) (any, error) {
			if n := args[0].(int64); n > 0 {
				return self.Call(ctx, "down", n-1)
			}
			return "bottom", nil
		},
	})
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for _, ctx := range []context.Context{background, ctx} {
		if got := must(self.Call(ctx, "down", 50))(t); got != "bottom" {
			t.Errorf("got %v", got)
		}
		_, err := self.Call(ctx, "down", 200)
		fails(t, err, facetbox.ErrLimitDepth, "100")
	}
}

// Go calls a guest, which calls Go, which calls the guest's supervisor, and so on.
func TestGoAndGuestsCallEachOther(t *testing.T) {
	runtime := open(t)
	app := guest(t, runtime, "guest", luau(caller))
	sum := guest(t, runtime, "sum", luau(summer))
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	supervisor := bind(t, runtime, "host", methods{
		"through": func(_ *object, ctx context.Context, _ []any) (any, error) {
			return app.Call(ctx, "through", facetbox.Function(func(ctx context.Context, _ []any) (any, error) {
				return sum.Call(ctx, "add", 5)
			}))
		},
	})
	if got := must(supervisor.Call(ctx, "through"))(t); got != int64(5) {
		t.Errorf("got %v", got)
	}
}

// busy is an object whose method "wait" waits until it is told, or until its context ends.
type busy struct {
	started, release chan struct{}
}

func newBusy() busy {
	return busy{make(chan struct{}), make(chan struct{})}
}

func (b busy) bind(t *testing.T, runtime *facetbox.Runtime) *facetbox.Stub {
	return bind(t, runtime, "busy", methods{
		"wait": func(_ *object, ctx context.Context, _ []any) (any, error) {
			close(b.started)
			select {
			case <-b.release:
				return "released", nil
			case <-ctx.Done():
				return nil, fmt.Errorf("stopped: %w", ctx.Err())
			}
		},
		"hello": func(*object, context.Context, []any) (any, error) { return "hello", nil },
	})
}

func TestCallsThatWaitEndWithTheirContext(t *testing.T) {
	runtime, busy := open(t), newBusy()
	stub := busy.bind(t, runtime)
	first := make(chan error)
	go func() {
		_, err := stub.Call(background, "wait")
		first <- err
	}()
	<-busy.started

	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	if _, err := stub.Call(ctx, "hello"); err != context.DeadlineExceeded {
		t.Errorf("a call that waits: %v", err)
	}
	if _, err := stub.Fetch(ctx, &facetbox.Request{URL: "http://app/"}); err != context.DeadlineExceeded {
		t.Errorf("a call that is too late: %v", err)
	}
	// From a handler that gives up on another object.
	impatient := bind(t, runtime, "impatient", methods{
		"call": func(_ *object, ctx context.Context, _ []any) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			return stub.Call(ctx, "hello")
		},
	})
	if _, err := impatient.Call(background, "call"); err != context.DeadlineExceeded {
		t.Errorf("a call from a handler: %v", err)
	}

	close(busy.release)
	if err := <-first; err != nil {
		t.Errorf("the call that was waited for: %v", err)
	}
	if got := must(stub.Call(background, "hello"))(t); got != "hello" {
		t.Errorf("afterwards: %v", got)
	}
}

func TestHandlersSeeTheEndOfTheContext(t *testing.T) {
	runtime, busy := open(t), newBusy()
	stub := busy.bind(t, runtime)
	app := guest(t, runtime, "guest", luau(caller))
	ctx, cancel := context.WithCancel(background)
	go func() {
		<-busy.started
		cancel()
	}()
	// Through a guest, so that the context has a way to go.
	_, err := app.Call(ctx, "through", facetbox.Function(func(ctx context.Context, _ []any) (any, error) {
		return stub.Call(ctx, "wait")
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClosingEndsCallsThatWait(t *testing.T) {
	runtime, busy := open(t), newBusy()
	stub := busy.bind(t, runtime)
	first := make(chan error)
	go func() {
		_, err := stub.Call(background, "wait")
		first <- err
	}()
	<-busy.started

	const waiting = 8
	ended := make(chan error)
	for range waiting {
		go func() {
			_, err := stub.Call(background, "hello")
			ended <- err
		}()
	}
	if err := runtime.Close(); err != nil {
		t.Fatal(err)
	}
	for range waiting {
		fails(t, <-ended, facetbox.ErrClosed, "closed")
	}
	close(busy.release)
	if err := <-first; err != nil && !errors.Is(err, facetbox.ErrClosed) {
		t.Errorf("the call that was running: %v", err)
	}
}
