package facetbox_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"facetbox"
)

// Functions of the host that do odd things while a guest waits for them.

const callsBack = `
local App = DurableObject:extend("App")
function App:call(...) self.ctx.storage.kv:put("called", true) return self.env.CALL(...) end
function App:caught(...)
    local ok, e = pcall(self.env.CALL, ...)
    return if ok then "ok" else e.code
end
function App:ping() return "pong" end
return { App = App }
`

// calling is an object whose guest calls a function.
func calling(t *testing.T, box *facetbox.Runtime, call function) *facetbox.Stub {
	t.Helper()
	code := luau(callsBack)
	code.Env = facetbox.Env{"CALL": facetbox.Function(call)}
	return guest(t, box, "guest", code)
}

func pings(t *testing.T, stub *facetbox.Stub) {
	t.Helper()
	if answer := must(stub.Call(background, "ping"))(t); answer != "pong" {
		t.Errorf("afterwards: %v", answer)
	}
}

type unprintable struct{}

func (unprintable) Error() string { panic("no text") }

type unspeakable struct{}

func (unspeakable) String() string { panic("no words") }

func TestWhateverAFunctionFailsWithIsAnErrorInTheGuest(t *testing.T) {
	var nothing *facetbox.Error
	var missing map[string]int
	plain := errors.New("plain")
	failures := map[string]struct {
		call function
		want error
	}{
		"plain":  {func(context.Context, []any) (any, error) { return nil, plain }, plain},
		"joined": {func(context.Context, []any) (any, error) { return nil, errors.Join(plain, plain) }, plain},
		"long": {func(context.Context, []any) (any, error) {
			return nil, fmt.Errorf("%w%s", plain, strings.Repeat("€", 20<<20))
		}, plain},
		"no UTF-8":    {func(context.Context, []any) (any, error) { return nil, fmt.Errorf("%w\xff\x00", plain) }, plain},
		"other's":     {func(context.Context, []any) (any, error) { return nil, &facetbox.Error{Code: facetbox.ErrLimitCPU} }, facetbox.ErrLimitCPU},
		"unknown":     {func(context.Context, []any) (any, error) { return nil, &facetbox.Error{Code: 9999, Cause: plain} }, plain},
		"unprintable": {func(context.Context, []any) (any, error) { return nil, unprintable{} }, facetbox.ErrPanic},
		"typed nil":   {func(context.Context, []any) (any, error) { return nil, nothing }, facetbox.ErrPanic},
		"nil map":     {func(context.Context, []any) (any, error) { missing["a"]++; return nil, nil }, facetbox.ErrPanic},
		"nil panic":   {func(context.Context, []any) (any, error) { panic(nil) }, facetbox.ErrPanic},
		"error panic": {func(context.Context, []any) (any, error) { panic(plain) }, facetbox.ErrPanic},
		"odd panic":   {func(context.Context, []any) (any, error) { panic(unspeakable{}) }, facetbox.ErrPanic},
		"no function": {nil, facetbox.ErrPanic},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			stub := calling(t, open(t), failure.call)
			if code := must(stub.Call(background, "caught"))(t); code == "ok" {
				t.Error("the guest saw no error")
			}
			if _, err := stub.Call(background, "call"); !errors.Is(err, failure.want) {
				t.Errorf("got %.200v", err)
			}
			pings(t, stub)
		})
	}
}

func TestAnswersThatCanNotCrossAreErrorsInTheGuest(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"] = []any{cycle}
	answers := []any{
		cycle, make(chan int), struct{ A int }{1}, func() {}, func(int) int { return 0 }, complex(1, 2), &cycle, "\xff",
		map[int]any{1: 2}, make([]byte, 33<<20), (*int)(nil),
	}
	at := 0
	stub := calling(t, open(t), func(context.Context, []any) (any, error) { return answers[at], nil })
	for at = range answers {
		code := must(stub.Call(background, "caught"))(t)
		if code != "VALUE_ERROR" && code != "LIMIT_MESSAGE" {
			t.Errorf("%T: %v", answers[at], code)
		}
	}
	pings(t, stub)
}

func TestAFunctionThatEndsItsGoroutineEndsTheProgram(t *testing.T) {
	child := inChild(t, func() {
		stub := calling(t, must(facetbox.Open(":memory:"))(t), func(context.Context, []any) (any, error) {
			runtime.Goexit()
			return nil, nil
		})
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		_, _ = stub.Call(ctx, "call")
	})
	if child == nil {
		return
	}
	output, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "has ended its goroutine") {
		t.Errorf("%v: %s", err, output)
	}
}

func TestFunctionsUseWhatTheirGuestRunsOn(t *testing.T) {
	box := open(t)
	other := bind(t, box, "other", methods{
		"ping": func(*object, context.Context, []any) (any, error) { return "pong", nil },
	})
	var self *facetbox.Stub
	for name, call := range map[string]function{
		"the guest": func(ctx context.Context, _ []any) (any, error) { return self.Call(ctx, "ping") },
		"another":   func(ctx context.Context, _ []any) (any, error) { return other.Call(ctx, "ping") },
		"a goroutine": func(context.Context, []any) (any, error) {
			return beside(func() (any, error) { return self.Call(background, "ping") })
		},
		"a collection": func(context.Context, []any) (any, error) {
			runtime.GC()
			return "pong", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			self = calling(t, open(t), call)
			if answer := must(self.Call(background, "call"))(t); answer != "pong" {
				t.Errorf("got %v", answer)
			}
		})
	}
}

// beside runs a call on another goroutine.
func beside(call func() (any, error)) (answer any, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer, err = call()
	}()
	<-done
	return answer, err
}

func TestAGoroutineOfAFunctionCallsOnAfterTheEvent(t *testing.T) {
	ended, answer := make(chan struct{}), make(chan any)
	var self *facetbox.Stub
	self = calling(t, open(t), func(ctx context.Context, _ []any) (any, error) {
		go func() {
			<-ended
			result, err := self.Call(context.WithoutCancel(ctx), "ping")
			answer <- []any{result, err}
		}()
		return nil, nil
	})
	ctx, cancel := context.WithCancel(background)
	must(self.Call(ctx, "call"))(t)
	cancel()
	close(ended)
	if got := <-answer; fmt.Sprint(got) != "[pong <nil>]" {
		t.Errorf("got %v", got)
	}
}

func TestAFunctionMayCloseTheRuntime(t *testing.T) {
	box := open(t)
	stub := calling(t, box, func(context.Context, []any) (any, error) { return nil, box.Close() })
	_, err := stub.Call(background, "call")
	fails(t, err, facetbox.ErrClosed, "")
	_, err = stub.Call(background, "ping")
	fails(t, err, facetbox.ErrClosed, "")
}

func TestATransactionThatRunsThroughCallsNobody(t *testing.T) {
	box := open(t)
	other := bind(t, box, "other", methods{
		"ping": func(*object, context.Context, []any) (any, error) { return "pong", nil },
	})
	supervisor := bind(t, box, "supervisor", methods{
		"go": func(self *object, ctx context.Context, _ []any) (any, error) {
			app, err := self.ctx.Facets().Get("app", func() (facetbox.FacetOptions, error) {
				code := luau(callsBack)
				code.Env = facetbox.Env{"CALL": facetbox.Function(func(ctx context.Context, _ []any) (any, error) {
					return nil, self.ctx.Storage().TransactionSync(func() error {
						_, err := other.Call(ctx, "ping")
						return err
					})
				})}
				class, err := exported(self.ctx.Loader(), code)
				return facetbox.FacetOptions{Class: class}, err
			})
			if err != nil {
				return nil, err
			}
			return app.Call(ctx, "caught")
		},
	})
	if code := must(supervisor.Call(background, "go"))(t); code != "INVALID_ARGUMENT" {
		t.Errorf("got %v", code)
	}
}

func TestContextsThatEndAtAnyMomentLeaveTheObjectUsable(t *testing.T) {
	box := open(t)
	other := bind(t, box, "other", methods{
		"ping": func(*object, context.Context, []any) (any, error) { return "pong", nil },
	})
	stub := calling(t, box, func(ctx context.Context, _ []any) (any, error) { return other.Call(ctx, "ping") })
	for step := range 300 {
		ctx, cancel := context.WithTimeout(background, time.Duration(step)*time.Microsecond)
		answer, err := stub.Call(ctx, "call")
		cancel()
		if err == nil && answer != "pong" || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("after %d microseconds: %v, %v", step, answer, err)
		}
	}
	pings(t, stub)
}
