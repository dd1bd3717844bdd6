package facetbox_test

import (
	"context"
	"errors"
	"testing"

	"facetbox"
)

const borrower = `
local App = DurableObject:extend("App")
function App:ask(...) return self.env.ASK(...) end
function App:times(n) return self.env.tools.TOOL:times(n) end
function App:data() return self.env.tools.data end
return { App = App }
`

func first(args []any) (any, error) { return args[0], nil }

func TestWhatWasWrappedWorksUntilItIsRevoked(t *testing.T) {
	revoker := facetbox.NewRevoker()
	env := must(revoker.Wrap(map[string]any{
		"ASK":   first,
		"tools": map[string]any{"TOOL": &tool{3}, "data": "some"},
	}))(t).(map[string]any)
	code := luau(borrower)
	code.Env = env
	app := guest(t, open(t), "guest", code)
	if got := must(app.Call(background, "ask", "x"))(t); got != "x" {
		t.Errorf("got %v", got)
	}
	if got := must(app.Call(background, "times", 2))(t); got != int64(6) {
		t.Errorf("got %v", got)
	}
	if revoker.IsRevoked() {
		t.Error("nobody has revoked it")
	}

	revoker.Revoke()
	if !revoker.IsRevoked() {
		t.Error("it is revoked")
	}
	named := map[string]string{"ask": `function "first"`, "times": `object "tool"`}
	for _, method := range []string{"ask", "times"} {
		_, err := app.Call(background, method, 1)
		if want := named[method]; !errors.Is(err, facetbox.ErrAborted) || err.Error() != "Error: The "+want+" was revoked." {
			t.Errorf("%s: got %v", method, err)
		}
	}
	if got := must(app.Call(background, "data"))(t); got != "some" {
		t.Errorf("got %v", got)
	}
}

func TestACallOnItsWayEndsWhenItIsRevoked(t *testing.T) {
	revoker := facetbox.NewRevoker()
	code := luau(borrower)
	code.Env = facetbox.Env{"ASK": must(revoker.Wrap(facetbox.Function(func(context.Context, []any) (any, error) {
		revoker.Revoke()
		return "too late", nil
	})))(t)}
	app := guest(t, open(t), "guest", code)
	if got, err := app.Call(background, "ask"); !errors.Is(err, facetbox.ErrAborted) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheNetworkCanBeTakenBack(t *testing.T) {
	rt := open(t)
	network := facetbox.FetchFunc(func(_ context.Context, request *facetbox.Request) (*facetbox.Response, error) {
		return facetbox.TextResponse("from " + request.URL), nil
	})
	for name, fetcher := range map[string]any{"function": network, "object": bindEcho(t, rt)} {
		revoker := facetbox.NewRevoker()
		code := toolCode()
		code.GlobalOutbound = must(revoker.Wrap(fetcher))(t).(facetbox.Fetcher)
		response := must(code.GlobalOutbound.Fetch(background, &facetbox.Request{URL: "http://a/"}))(t)
		app := guest(t, rt, name, code)
		if got := must(app.Call(background, "reach", "http://a/"))(t); got != string(response.Body) {
			t.Errorf("got %v, want %s", got, response.Body)
		}
		revoker.Revoke()
		if _, err := app.Call(background, "reach", "http://a/"); !errors.Is(err, facetbox.ErrAborted) {
			t.Errorf("got %v", err)
		}
	}
	sum := must(facetbox.NewRevoker().Wrap(facetbox.Function(func(context.Context, []any) (any, error) {
		return 1, nil
	})))(t).(*facetbox.RpcStub)
	if _, err := sum.Fetch(background, &facetbox.Request{URL: "http://a/"}); !errors.Is(err, facetbox.ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
	wrapped := must(facetbox.NewRevoker().Wrap(network))(t).(*facetbox.RpcStub)
	if _, err := wrapped.Call(background, 1); !errors.Is(err, facetbox.ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeTakenBackIsRefused(t *testing.T) {
	loader := must(open(t).Loader())(t)
	_, err := facetbox.NewRevoker().Wrap([]any{loader})
	if !errors.Is(err, facetbox.ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
}
