package facetbox_test

import (
	"context"
	"errors"
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
