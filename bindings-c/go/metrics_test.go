package facetbox_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"facetbox"
)

func TestMetricsCountEventsAndErrors(t *testing.T) {
	runtime := open(t)
	stub := bind(t, runtime, "host", methods{
		"fine": func(*object, context.Context, []any) (any, error) { return nil, nil },
		"fail": func(*object, context.Context, []any) (any, error) { return nil, errors.New("as planned") },
	})
	must(stub.Call(background, "fine"))(t)
	if _, err := stub.Call(background, "fail"); err == nil {
		t.Fatal("no error")
	}
	metrics := must(runtime.Metrics())(t)
	for _, event := range []facetbox.EventCount{{"rpc", "ok", 1}, {"rpc", "exception", 1}} {
		if !slices.Contains(metrics.Events, event) {
			t.Errorf("%v is not among %v", event, metrics.Events)
		}
	}
	if want := (facetbox.ErrorCount{Code: "GUEST_ERROR", Count: 1}); !slices.Equal(metrics.Errors, []facetbox.ErrorCount{want}) {
		t.Errorf("the errors are %v", metrics.Errors)
	}
	wall := metrics.WallMs
	if metrics.Starts != 1 || metrics.WarmActors != 1 || wall.Sum <= 0 || len(wall.Counts) != len(wall.Bounds)+1 {
		t.Errorf("the metrics are %+v", metrics)
	}
	if lines := must(runtime.MetricsText())(t); !strings.Contains(lines, "# TYPE facetbox_") {
		t.Errorf("the text is %q", lines)
	}
}

func TestCallsOfBindingsAreCounted(t *testing.T) {
	var seen tails
	runtime := must(facetbox.Open(":memory:", facetbox.WithTail(seen.receive)))(t)
	code := js(`import { DurableObject } from "cloudflare:workers";
export class App extends DurableObject {
    async ask(times) {
        for (let n = 0; n < times; n++) await this.env.AI();
        return this.env.tools.search("x");
    }
}`)
	answer := facetbox.Function(func(_ context.Context, args []any) (any, error) { return len(args), nil })
	code.Env = facetbox.Env{"AI": answer, "tools": map[string]any{"search": answer}, "unused": answer}
	stub := guest(t, runtime, "asking", code)
	must(stub.Call(background, "ask", 2))(t)
	must(stub.Call(background, "ask", 3))(t)
	all := must(runtime.Metrics())(t).Bindings
	if want := map[string]int64{"AI": 5, "tools.search": 2}; !maps.Equal(all, want) {
		t.Errorf("the runtime counted %v", all)
	}
	runtime.Close()
	var told []map[string]int64
	for _, event := range seen.events {
		told = append(told, event.Bindings)
	}
	want := []map[string]int64{{"AI": 2, "tools.search": 1}, {"AI": 3, "tools.search": 1}}
	if !slices.EqualFunc(told, want, maps.Equal[map[string]int64, map[string]int64]) {
		t.Errorf("the events told %v", told)
	}
}
