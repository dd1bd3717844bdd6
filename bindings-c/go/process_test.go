package facetbox_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"facetbox"
)

// inChild runs body in a process of its own, which is this test again, and gives that process; nil in the
// child, once body has returned.
func inChild(t *testing.T, body func()) *exec.Cmd {
	t.Helper()
	if os.Getenv("FACETBOX_TEST_CHILD") != "" {
		body()
		return nil
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "FACETBOX_TEST_CHILD=1")
	return child
}

// spinner is an object whose guest says when it begins to compute without end.
func spinner(t *testing.T, began func()) *facetbox.Stub {
	box := must(facetbox.Open(":memory:", facetbox.WithLimits(facetbox.Limits{CPUMs: 60_000, WallMs: 60_000})))(t)
	code := luau(`local App = DurableObject:extend("App")
		function App:spin() self.env.began() while true do end end
		function App:wait() self.env.began() self.env.never() end
		return { App = App }`)
	code.Env = facetbox.Env{
		"began": func([]any) (any, error) { began(); return nil, nil },
		"never": func(ctx context.Context, _ []any) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
	}
	return guest(t, box, "spinner", code)
}

func TestAProcessMayEndWhileGuestsRun(t *testing.T) {
	child := inChild(t, func() {
		began := make(chan struct{})
		stub := spinner(t, func() { close(began) })
		go func() { _, _ = stub.Call(background, "spin") }()
		<-began
		os.Exit(7)
	})
	output, _ := child.CombinedOutput()
	if child.ProcessState.ExitCode() != 7 {
		t.Errorf("%v: %s", child.ProcessState, output)
	}
}

func TestASignalEndsTheContextOfACall(t *testing.T) {
	child := inChild(t, func() {
		ctx, stop := signal.NotifyContext(background, os.Interrupt)
		defer stop()
		_, err := spinner(t, func() { fmt.Println("waiting") }).Call(ctx, "wait")
		fmt.Println(err)
		os.Exit(0)
	})
	out := must(child.StdoutPipe())(t)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "waiting" {
	}
	if err := child.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	for lines.Scan() {
		rest.WriteString(lines.Text())
	}
	if err := child.Wait(); err != nil || !strings.Contains(rest.String(), "context canceled") {
		t.Errorf("%v: %s", err, rest.String())
	}
}

// resident is how many bytes of memory the process has, once Go has given back what it can.
func resident(t *testing.T) int {
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond) // for the cleanups
	}
	debug.FreeOSMemory()
	var size, pages int
	statm := string(must(os.ReadFile("/proc/self/statm"))(t))
	must(fmt.Sscan(statm, &size, &pages))(t)
	return pages * os.Getpagesize()
}

func TestAHundredThousandCallsLeaveNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	app := guest(t, open(t), "guest", toolCode())
	run := func(calls int) {
		for n := range calls {
			double := func(args []any) (any, error) { return args[0].(int64) * 2, nil }
			if got := must(app.Call(background, "call", double, n))(t); got != int64(2*n) {
				t.Fatalf("got %v", got)
			}
			if n%10 == 0 {
				_, err := app.Call(background, "tool", "fly", 1)
				fails(t, err, facetbox.ErrNotFound, "fly")
			}
		}
	}
	run(50_000)
	before := resident(t)
	run(50_000)
	// The race detector keeps up to 450 bytes for each call at first, allocators 100.
	if grown := resident(t) - before; grown > 32<<20 {
		t.Errorf("%d bytes more after the second half", grown)
	}
}
