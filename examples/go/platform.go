// A small platform: it runs an app that it doesn't trust, and keeps what the app stores.
//
//	platform <data-dir> first|second [app.luau]
//
// Run "first", then "second" on the same directory: the app goes on counting where it stopped.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"

	"facetbox"
)

// AppRunner is the supervisor: it stores the code of one app and runs it as the facet "app".
type AppRunner struct {
	ctx *facetbox.Ctx
}

func newAppRunner(ctx *facetbox.Ctx, _ facetbox.Env) (*AppRunner, error) {
	return &AppRunner{ctx}, nil
}

// Fetch forwards the request to the app.
func (r *AppRunner) Fetch(ctx context.Context, request *facetbox.Request) (*facetbox.Response, error) {
	app, err := r.ctx.Facets().Get("app", r.start)
	if err != nil {
		return nil, err
	}
	return app.Fetch(ctx, request)
}

// Call changes the code, or calls a method of the app.
func (r *AppRunner) Call(ctx context.Context, method string, args []any) (any, error) {
	switch method {
	case "set_code":
		return nil, errors.Join(
			r.ctx.Storage().KV().Put("code", args[0]),
			r.ctx.Facets().Abort("app", "The code was changed."),
		)
	case "peek", "reach":
		app, err := r.ctx.Facets().Get("app", r.start)
		if err != nil {
			return nil, err
		}
		return app.Call(ctx, method, args...)
	}
	return nil, facetbox.NoSuchMethod(method)
}

// start says what the facet is: the class App of the code that was stored.
func (r *AppRunner) start() (facetbox.FacetOptions, error) {
	code, err := r.ctx.Storage().KV().Get("code")
	if err != nil {
		return facetbox.FacetOptions{}, err
	}
	source, _ := code.(string)
	worker, err := r.ctx.Loader().Load(facetbox.WorkerCode{
		MainModule: "app.luau",
		Modules:    map[string]facetbox.Module{"app.luau": facetbox.Source(source)},
	})
	if err != nil {
		return facetbox.FacetOptions{}, err
	}
	class, err := worker.GetDurableObjectClass("App")
	return facetbox.FacetOptions{Class: class}, err
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: platform <data-dir> first|second [app.luau]")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatal(err)
	}
}

func run(data, part string, rest []string) error {
	box, err := facetbox.Open(data)
	if err != nil {
		return err
	}
	defer box.Close()
	apps, err := box.Namespace("AppRunner", facetbox.HostClass(newAppRunner))
	if err != nil {
		return err
	}
	app, err := apps.GetByName("my-app")
	if err != nil {
		return err
	}

	ctx := context.Background()
	switch part {
	case "first":
		return first(ctx, app, append(rest, guest())[0])
	case "second":
		return second(ctx, app)
	}
	return fmt.Errorf("unknown part %q", part)
}

// guest is where the app's code is, relative to this file.
func guest() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "guest", "app.luau")
}

// first gives the app its code and sends it three requests.
func first(ctx context.Context, app *facetbox.Stub, path string) error {
	code, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := app.Call(ctx, "set_code", string(code)); err != nil {
		return err
	}
	for range 3 {
		if _, err := visit(ctx, app); err != nil {
			return err
		}
	}
	return nil
}

// second sends a fourth request after the restart, and lets the app try what it must not do.
func second(ctx context.Context, app *facetbox.Stub) error {
	requests, err := visit(ctx, app)
	if err != nil {
		return err
	}

	secret, err := app.Call(ctx, "peek", "code")
	if err != nil {
		return err
	}
	fmt.Println("The app sees of its supervisor's data:", secret)
	hidden := secret == nil

	_, err = app.Call(ctx, "reach", "http://example.com/")
	fmt.Println("The app tried the network:", err)
	closed := err != nil

	yes := map[bool]string{true: "yes", false: "no"}
	fmt.Printf("RESULT host=Go requests=%d hidden=%s closed=%s\n", requests, yes[hidden], yes[closed])
	if requests != 4 || !hidden || !closed {
		return errors.New("that isn't how it should be")
	}
	return nil
}

// visit sends a request, prints the answer, and returns the number in it.
func visit(ctx context.Context, app *facetbox.Stub) (requests int, err error) {
	response, err := app.Fetch(ctx, &facetbox.Request{URL: "http://app/"})
	if err != nil {
		return 0, err
	}
	fmt.Print(response.Text())
	_, err = fmt.Sscanf(response.Text(), "You've made %d requests.", &requests)
	return requests, err
}
