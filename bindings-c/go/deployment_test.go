package facetbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"facetbox"
)

const site = `
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
export class Room extends DurableObject {
    visit() {
        const visits = (this.ctx.storage.kv.get("visits") ?? 0) + 1;
        this.ctx.storage.kv.put("visits", visits);
        console.warn("visit", visits);
        return visits;
    }
    fail() { throw new RangeError("outer", { cause: new TypeError("inner") }); }
}
export class Other extends WorkerEntrypoint { hello() { return "hello"; } }
export default {
    async fetch(request, env, ctx) {
        const room = ctx.exports.Room.getByName(new URL(request.url).pathname);
        return new Response(env.GREETING + " " + await room.visit());
    }
};`

// js is code with one module.
func js(source string) facetbox.WorkerCode {
	return facetbox.WorkerCode{MainModule: "site.js", Modules: map[string]facetbox.Module{"site.js": facetbox.Source(source)}}
}

// tails collects tail events.
type tails struct {
	lock   sync.Mutex
	events []facetbox.TailEvent
}

func (t *tails) receive(event facetbox.TailEvent) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.events = append(t.events, event)
	if event.Outcome == "exception" {
		panic("a receiver that fails")
	}
}

func TestASiteIsDeployedAndTellsWhatItDoes(t *testing.T) {
	var seen tails
	runtime := must(facetbox.Open(":memory:", facetbox.WithTail(seen.receive)))(t)
	deployed := must(runtime.Deploy(background, "site", js(site), facetbox.Env{"GREETING": "visit"}))(t)
	if classes := must(deployed.ClassNames())(t); deployed.Name() != "site" || !slices.Equal(classes, []string{"Room"}) {
		t.Errorf("%s exports %v", deployed.Name(), classes)
	}
	request := &facetbox.Request{URL: "http://site/kitchen"}
	if got := must(deployed.Fetch(background, request))(t); string(got.Body) != "visit 1" {
		t.Errorf("got %q", got.Body)
	}
	kitchen := must(must(deployed.Namespace("Room"))(t).GetByName("/kitchen"))(t)
	if visits := must(kitchen.Call(background, "visit"))(t); visits != int64(2) {
		t.Errorf("%v visits", visits)
	}
	if hello := must(must(deployed.GetEntrypoint("Other"))(t).Call(background, "hello"))(t); hello != "hello" {
		t.Errorf("got %v", hello)
	}
	_, err := kitchen.Call(background, "fail")
	var inner *facetbox.Error
	if !errors.As(errors.Unwrap(err), &inner) || inner.Name != "TypeError" || inner.Message != "inner" {
		t.Errorf("the cause is %v", errors.Unwrap(err))
	}
	_, err = deployed.Namespace("Hall")
	fails(t, err, facetbox.ErrNotFound, "Hall")
	_, err = runtime.Deploy(background, "site", js("export default {"), nil)
	fails(t, err, facetbox.ErrLoadError, "site.js")

	if err := runtime.Close(); err != nil { // which delivers what is left
		t.Fatal(err)
	}
	logged := slices.IndexFunc(seen.events, func(e facetbox.TailEvent) bool { return len(e.Logs) > 0 })
	failed := slices.IndexFunc(seen.events, func(e facetbox.TailEvent) bool { return len(e.Exceptions) > 0 })
	if logged < 0 || failed < 0 {
		t.Fatalf("the events are %v", seen.events)
	}
	event := seen.events[logged]
	if event.Namespace != "site/Room" || event.ObjectName != "/kitchen" || event.Type != "rpc" || event.Outcome != "ok" ||
		event.Logs[0].Level != "warn" || !strings.Contains(event.Logs[0].Message, "visit") || event.Wall <= 0 || event.Time.IsZero() {
		t.Errorf("the event is %+v", event)
	}
	if thrown := seen.events[failed].Exceptions[0]; thrown.Name != "RangeError" || thrown.Message != "outer" {
		t.Errorf("the exception is %+v", thrown)
	}
}

func TestCausesReachGuests(t *testing.T) {
	stub := guest(t, open(t), "guest", luau(`
		local App = DurableObject:extend("App")
		function App:ask(fail)
			local ok, error = pcall(fail)
			return error.cause.message
		end
		return { App = App }`))
	message, err := stub.Call(background, "ask", func([]any) (any, error) {
		return nil, &facetbox.Error{Code: facetbox.ErrGuestError, Message: "outer", Cause: errors.New("inner")}
	})
	if err != nil || message != "inner" {
		t.Errorf("got %v, %v", message, err)
	}
}

func TestWorkersTellTheirTails(t *testing.T) {
	told := make(chan any, 1)
	code := js(`export default { hi() { return 1; } };`)
	code.Tails = []any{facetbox.Function(func(_ context.Context, args []any) (any, error) {
		told <- args[0].([]any)[0].(map[string]any)["entrypoint"]
		return nil, nil
	})}
	loader := must(open(t).Loader())(t)
	must(must(must(loader.Load(code))(t).GetEntrypoint(""))(t).Call(background, "hi"))(t)
	if entrypoint := <-told; entrypoint != "default" {
		t.Errorf("told about %v", entrypoint)
	}
	code.Tails = []any{"text"}
	_, err := loader.Load(code)
	fails(t, err, facetbox.ErrInvalidArgument, "tails[0]")
}

func TestAnEngineCanBeRefused(t *testing.T) {
	runtime := open(t, facetbox.WithEngines(facetbox.EngineLuau))
	_, err := runtime.Deploy(background, "site", js(site), nil)
	fails(t, err, facetbox.ErrUnsupported, "JavaScript")
	_, err = facetbox.Open(":memory:", facetbox.WithEngines("python"))
	fails(t, err, facetbox.ErrInvalidArgument, "'python'")
}
