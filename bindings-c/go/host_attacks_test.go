package facetbox_test

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"facetbox"
)

// Attacks that a Go program can make; docs/host-attacks.md says which test stands for which.

const attacked = `
local App = DurableObject:extend("App")
function App:echo(value) return value end
function App:run(...) return self.env.CALL(...) end
function App:often() for _ = 1, 900 do pcall(self.env.CALL) end error("its own") end
function App:keep() App.kept = self.env.CALL end
function App:flood() local n = 0 while pcall(App.kept) do n += 1 end return n end
function App:burn()
    self.ctx.storage.sql:exec("CREATE TABLE t(i)")
    self.env.CALL()
    self.ctx.storage.sql:exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i FROM n")
end
return { App = App }
`

type function = func(context.Context, []any) (any, error)

// attackable is code whose env has a function.
func attackable(call function) facetbox.WorkerCode {
	code := luau(attacked)
	code.Env = facetbox.Env{"CALL": call}
	return code
}

func TestL001BytecodeIsNotCode(t *testing.T) {
	runtime := open(t)
	for _, bytecode := range []string{"\x02\x00\x00", "\x06\x03\x01\x00", "\x1bLua"} {
		_, err := guest(t, runtime, "bytecode"+bytecode[:1]+"x", luau(bytecode)).Call(background, "any")
		fails(t, err, facetbox.ErrLoadError, "")
	}
}

func TestF003ErrorsThatAGuestCaughtNeverComeBack(t *testing.T) {
	app := guest(t, open(t), "guest", attackable(func(context.Context, []any) (any, error) { panic("of the host") }))
	_, err := app.Call(background, "often")
	fails(t, err, facetbox.ErrGuestError, "its own")
	if answer := must(app.Call(background, "echo", "on"))(t); answer != "on" {
		t.Errorf("afterwards: %v", answer)
	}
}

func TestF011AFunctionMayHarmTheObjectThatRunsIt(t *testing.T) {
	path := t.TempDir()
	runtime := openAt(t, filepath.Join(path, "data"), facetbox.WithDurability(facetbox.None))
	var apps *facetbox.Namespace
	var id *facetbox.ObjectID
	harm := map[string]func() error{
		"delete": func() error { return apps.Delete(id) },
		"export": func() error { return apps.Export(background, id, filepath.Join(path, "export")) },
		"import": func() error { return apps.Import(id, filepath.Join(path, "export")) },
		"query":  func() error { _, err := apps.Query(background, id, nil, "SELECT 1"); return err },
	}
	code := attackable(func(_ context.Context, args []any) (any, error) { return nil, harm[args[0].(string)]() })
	class := must(exported(must(runtime.Loader())(t), code))(t)
	apps = must(runtime.Namespace("apps", class))(t)
	id = must(apps.IDFromName("it"))(t)
	for how := range harm {
		_, err := must(apps.GetByName("it"))(t).Call(background, "run", how)
		if errors.Is(err, facetbox.ErrPanic) {
			t.Errorf("%s: %v", how, err)
		}
		if answer := must(must(apps.GetByName("it"))(t).Call(background, "echo", how))(t); answer != how {
			t.Errorf("after %s: %v", how, answer)
		}
	}
}

func TestF017HostileValuesAreRefused(t *testing.T) {
	app := guest(t, open(t), "guest", luau(attacked))
	cycle := []any{nil}
	cycle[0] = cycle
	deep := []any{}
	for range 200 {
		deep = []any{deep}
	}
	loop := map[string]any{}
	loop["me"] = loop
	for name, value := range map[string]any{
		"cycle": cycle, "deep": deep, "loop": loop, "channel": make(chan int), "unsigned": uint64(math.MaxUint64), "text": "\xff", "key": map[string]any{"\xff": 1}, "complex": complex(1, 2),
	} {
		if _, err := app.Call(background, "echo", value); err == nil {
			t.Errorf("%s crossed", name)
		}
	}
	if answer := must(app.Call(background, "echo", int64(math.MinInt64)))(t); answer != int64(math.MinInt64) {
		t.Errorf("the least integer came back as %v", answer)
	}
}

func TestF025AKeptFunctionIsCountedInEachEvent(t *testing.T) {
	calls := 0
	app := guest(t, open(t), "guest", attackable(func(context.Context, []any) (any, error) { calls++; return nil, nil }))
	must(app.Call(background, "keep"))(t)
	for range 2 {
		if answer := must(app.Call(background, "flood"))(t); answer != int64(1000) {
			t.Errorf("%v calls in one event", answer)
		}
	}
	if calls != 2000 {
		t.Errorf("%d calls", calls)
	}
}

func TestL089S059ClosingEndsAStatementAndLeavesTheDataWhole(t *testing.T) {
	path := t.TempDir()
	runtime := must(facetbox.Open(path, facetbox.WithLimits(facetbox.Limits{CPUMs: 60_000, WallMs: 60_000})))(t)
	started := make(chan struct{})
	var once sync.Once
	app := guest(t, runtime, "guest", attackable(func(context.Context, []any) (any, error) {
		once.Do(func() { close(started) })
		return nil, nil
	}))
	ended := make(chan error, 1)
	go func() {
		_, err := app.Call(background, "burn")
		ended <- err
	}()
	<-started
	if err := runtime.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the statement without end has ended by itself")
	}
	report := must(openAt(t, path).Verify())(t)
	if len(report.Problems) != 0 {
		t.Errorf("%v", report.Problems)
	}
}

func TestS053D020PlacesThatAreNoneOfExports(t *testing.T) {
	path := t.TempDir()
	runtime := openAt(t, filepath.Join(path, "data"), facetbox.WithDurability(facetbox.None))
	apps := bindCounters(t, runtime)
	id := must(apps.IDFromName("it"))(t)
	must(must(apps.GetByName("it"))(t).Call(background, "count"))(t)
	mine := filepath.Join(path, "mine")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{mine, filepath.Join(path, "data"), filepath.Join(path, "data", "objects", "x"), filepath.Join(path, "none", "deeper"), ""} {
		if apps.Export(background, id, place) == nil {
			t.Errorf("exported to %q", place)
		}
	}
	other := must(apps.IDFromName("other"))(t)
	for _, place := range []string{"/dev/zero", "/dev/null", mine, path, filepath.Join(path, "none"), ""} {
		if apps.Import(other, place) == nil {
			t.Errorf("imported from %q", place)
		}
	}
	if text := must(os.ReadFile(mine))(t); string(text) != "mine" {
		t.Errorf("the file became %q", text)
	}
}

// A process of its own that this test starts: it holds a directory until it is killed.
func TestD011ADirectoryWhoseHolderWasKilledOpensAtOnce(t *testing.T) {
	if path := os.Getenv("FACETBOX_HOLD"); path != "" {
		must(facetbox.Open(path))(t)
		os.Stdout.WriteString("held\n")
		select {}
	}
	path := t.TempDir()
	holder := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	holder.Env = append(os.Environ(), "FACETBOX_HOLD="+path)
	output := must(holder.StdoutPipe())(t)
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 5)
	if _, err := output.Read(line); err != nil || !strings.HasPrefix(string(line), "held") {
		t.Fatalf("%q: %v", line, err)
	}
	_, err := facetbox.Open(path)
	fails(t, err, facetbox.ErrInUse, "")
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	openAt(t, path)
}
