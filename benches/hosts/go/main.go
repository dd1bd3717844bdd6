// The host program in Go: host-go <guests> <data>.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"facetbox"
)

// job is one measurement.
type job struct {
	Loop   string `json:"loop"`
	Method string `json:"method"`
	Args   []any  `json:"args"`
	Count  int    `json:"count"`
	Guest  string `json:"guest"`
}

// host is what guests call.
type host struct{}

func (host) Call(context.Context, string, []any) (any, error) { return nil, nil }

// supervisor runs the guest as its facet.
type supervisor struct {
	ctx  *facetbox.Ctx
	code facetbox.WorkerCode
}

func (s *supervisor) app() (*facetbox.Stub, error) {
	return s.ctx.Facets().Get("app", func() (facetbox.FacetOptions, error) {
		worker, err := s.ctx.Loader().Get("app", func() (facetbox.WorkerCode, error) { return s.code, nil })
		if err != nil {
			return facetbox.FacetOptions{}, err
		}
		class, err := worker.GetDurableObjectClass("App")
		return facetbox.FacetOptions{Class: class}, err
	})
}

func (s *supervisor) Fetch(ctx context.Context, request *facetbox.Request) (*facetbox.Response, error) {
	app, err := s.app()
	if err != nil {
		return nil, err
	}
	return app.Fetch(ctx, request)
}

// Call forwards a call to the facet, or runs a loop.
func (s *supervisor) Call(ctx context.Context, method string, args []any) (any, error) {
	app, err := s.app()
	if err != nil {
		return nil, err
	}
	if method != "loop" {
		return app.Call(ctx, method, args...)
	}
	var asked job
	if err := json.Unmarshal([]byte(args[0].(string)), &asked); err != nil {
		return nil, err
	}
	return repeat(asked.Count, func() error {
		if asked.Loop == "fetch" {
			_, err := app.Fetch(ctx, &facetbox.Request{URL: "http://app/"})
			return err
		}
		_, err := app.Call(ctx, asked.Method, asked.Args...)
		return err
	})
}

// repeat answers how many seconds count operations took.
func repeat(count int, operation func() error) (float64, error) {
	begin := time.Now()
	for range count {
		if err := operation(); err != nil {
			return 0, err
		}
	}
	return time.Since(begin).Seconds(), nil
}

// class is the class of supervisors whose guests are of one language.
func class(guests, guest string) (*facetbox.Class, error) {
	code := facetbox.WorkerCode{
		MainModule: "app." + guest,
		Modules:    map[string]facetbox.Module{},
		Env:        facetbox.Env{"HOST": host{}},
	}
	for _, name := range []string{"app." + guest, "compute." + guest} {
		source, err := os.ReadFile(filepath.Join(guests, name))
		if err != nil {
			return nil, err
		}
		code.Modules[name] = facetbox.Source(source)
	}
	return facetbox.HostClass(func(ctx *facetbox.Ctx, _ facetbox.Env) (*supervisor, error) {
		return &supervisor{ctx, code}, nil
	}), nil
}

func measure(box *facetbox.Runtime, line string) (any, error) {
	var asked job
	if err := json.Unmarshal([]byte(line), &asked); err != nil {
		return nil, err
	}
	objects, err := box.GetNamespace(asked.Guest)
	if err != nil {
		return nil, err
	}
	one, err := objects.GetByName("one")
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	if asked.Loop != "through" {
		return one.Call(ctx, "loop", line)
	}
	return repeat(asked.Count, func() error {
		_, err := one.Call(ctx, asked.Method, asked.Args...)
		return err
	})
}

func run(guests, data string) error {
	// A loop makes more calls in one event than is allowed by default.
	long := facetbox.WithLimits(facetbox.Limits{Subrequests: 100_000_000})
	box, err := facetbox.Open(data, long)
	if err != nil {
		return err
	}
	defer box.Close()
	for _, guest := range []string{"luau", "js"} {
		supervisors, err := class(guests, guest)
		if err != nil {
			return err
		}
		if _, err := box.Namespace(guest, supervisors); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer := map[string]any{}
		if seconds, err := measure(box, lines.Text()); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["seconds"] = seconds
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return lines.Err()
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: host-go <guests> <data>")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}
