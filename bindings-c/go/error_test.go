package facetbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"facetbox"
)

// Calls a function of the host and lets its error through, catches it, or shows it.
const caller = `
local App = DurableObject:extend("App")
function App:through(f) return f() end
function App:caught(f)
    local ok, e = pcall(f)
    return { name = e.name, message = e.message }
end
function App:throw() error({ name = "RangeError", message = "too far" }) end
return { App = App }
`

func TestErrorsOfTheHostComeOutAsTheyWentIn(t *testing.T) {
	runtime := open(t)
	app := guest(t, runtime, "guest", luau(caller))
	typed := &facetbox.Error{Code: facetbox.ErrNotFound, Name: "Missing", Message: "no such page"}
	for _, want := range []error{io.ErrUnexpectedEOF, fmt.Errorf("wrapped: %w", io.EOF), typed} {
		throw := func([]any) (any, error) { return nil, want }
		if _, err := app.Call(background, "through", throw); err != want {
			t.Errorf("through a guest: got %#v, want %#v", err, want)
		}
		supervisor := bind(t, runtime, fmt.Sprint("host of ", want), methods{
			"through": func(*object, context.Context, []any) (any, error) { return nil, want },
		})
		if _, err := supervisor.Call(background, "through"); err != want {
			t.Errorf("through an object: got %#v, want %#v", err, want)
		}
	}
}

func TestGuestsSeeErrorsOfTheHost(t *testing.T) {
	app := guest(t, open(t), "guest", luau(caller))
	cases := map[string]error{
		"Error: plain":     errors.New("plain"),
		"Mine: typed":      &facetbox.Error{Code: facetbox.ErrGuestError, Name: "Mine", Message: "typed"},
		"TypeError: wrong": &facetbox.Error{Code: facetbox.ErrInvalidArgument, Message: "wrong"},
		"Error: CLOSED":    facetbox.ErrClosed,
		"Error: \uFFFD":    errors.New("\xff"),
	}
	for want, cause := range cases {
		seen := must(app.Call(background, "caught", func([]any) (any, error) { return nil, cause }))(t).(map[string]any)
		if got := fmt.Sprint(seen["name"], ": ", seen["message"]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestGuestErrorsHaveNameMessageStackAndPath(t *testing.T) {
	_, err := guest(t, open(t), "guest", luau(caller)).Call(background, "throw")
	var e *facetbox.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %#v", err)
	}
	if e.Code != facetbox.ErrGuestError || e.Name != "RangeError" || e.Message != "too far" {
		t.Errorf("got %#v", e)
	}
	if !strings.Contains(e.Stack, "main.luau:8") || e.Path != "guest/a" {
		t.Errorf("got the stack %q and the path %q", e.Stack, e.Path)
	}
	if e.Error() != "RangeError: too far" {
		t.Errorf("got the text %q", e)
	}
}

func TestErrorsOfCallsPassThroughHandlersWithAllThatTheyKnow(t *testing.T) {
	runtime := open(t)
	app := guest(t, runtime, "guest", luau(caller))
	supervisor := bind(t, runtime, "host", methods{
		"through": func(_ *object, ctx context.Context, _ []any) (any, error) { return app.Call(ctx, "throw") },
		"wrapped": func(_ *object, ctx context.Context, _ []any) (any, error) {
			_, err := app.Call(ctx, "throw")
			return nil, fmt.Errorf("the app failed: %w", err)
		},
	})
	_, err := supervisor.Call(background, "through")
	fails(t, err, facetbox.ErrGuestError, "too far")
	if e := err.(*facetbox.Error); e.Path != "guest/a" || !strings.Contains(e.Stack, "main.luau:8") {
		t.Errorf("got the path %q and the stack %q", e.Path, e.Stack)
	}
	_, err = supervisor.Call(background, "wrapped")
	fails(t, err, facetbox.ErrGuestError, "the app failed: RangeError: too far")
}

func TestPanicsBecomeErrors(t *testing.T) {
	runtime := open(t)
	supervisor := bind(t, runtime, "host", methods{
		"panic": func(*object, context.Context, []any) (any, error) { panic("oh no") },
		"nil": func(*object, context.Context, []any) (any, error) {
			var missing map[string]int
			missing["a"] = 1
			return nil, nil
		},
		"transaction": func(self *object, _ context.Context, _ []any) (any, error) {
			err := self.ctx.Storage().TransactionSync(func() error { panic("in between") })
			return nil, err
		},
		"fine": func(*object, context.Context, []any) (any, error) { return "fine", nil },
	})
	for method, message := range map[string]string{"panic": "oh no", "nil": "nil map", "transaction": "in between"} {
		_, err := supervisor.Call(background, method)
		fails(t, err, facetbox.ErrPanic, message)
		if e := err.(*facetbox.Error); !strings.Contains(e.Stack, "error_test.go") {
			t.Errorf("%s: the stack doesn't show where: %q", method, e.Stack)
		}
	}
	app := guest(t, runtime, "guest", luau(caller))
	_, err := app.Call(background, "through", func([]any) (any, error) { panic("from a guest") })
	fails(t, err, facetbox.ErrPanic, "from a guest")

	class := facetbox.HostClass(func(*facetbox.Ctx, facetbox.Env) (*object, error) { panic("unborn") })
	stub := must(must(runtime.Namespace("unborn", class))(t).GetByName("a"))(t)
	_, err = stub.Call(background, "any")
	fails(t, err, facetbox.ErrPanic, "unborn")

	if answer := must(supervisor.Call(background, "fine"))(t); answer != "fine" {
		t.Errorf("after the panics: %v", answer)
	}
}
