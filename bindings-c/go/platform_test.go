package facetbox_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"facetbox"
)

// appRunner is the supervisor of the main job.
type appRunner struct {
	facetbox.Base
	ctx *facetbox.Ctx
}

func newAppRunner(ctx *facetbox.Ctx, _ facetbox.Env) (*appRunner, error) {
	return &appRunner{ctx: ctx}, nil
}

func (r *appRunner) Fetch(ctx context.Context, request *facetbox.Request) (*facetbox.Response, error) {
	app, err := r.app()
	if err != nil {
		return nil, err
	}
	return app.Fetch(ctx, request)
}

func (r *appRunner) Call(ctx context.Context, method string, args []any) (any, error) {
	if method == "set_code" {
		return nil, r.ctx.Storage().KV().Put("code", args[0])
	}
	app, err := r.app()
	if err != nil {
		return nil, err
	}
	return app.Call(ctx, method, args...)
}

func (r *appRunner) app() (*facetbox.Stub, error) {
	return r.ctx.Facets().Get("app", func() (facetbox.FacetOptions, error) {
		code, err := r.ctx.Storage().KV().Get("code")
		if err != nil {
			return facetbox.FacetOptions{}, err
		}
		class, err := exported(r.ctx.Loader(), luau(code.(string)))
		return facetbox.FacetOptions{Class: class}, err
	})
}

func openPlatform(t *testing.T, path string) *facetbox.Stub {
	t.Helper()
	apps := must(openAt(t, path).Namespace("AppRunner", facetbox.HostClass(newAppRunner)))(t)
	return must(apps.GetByName("my-app"))(t)
}

func visit(t *testing.T, app *facetbox.Stub, want string) {
	t.Helper()
	response := must(app.Fetch(background, &facetbox.Request{URL: "http://app/"}))(t)
	if got := response.Text(); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// The test runs itself again with this variable: the first process of the main job.
const firstProcess = "FACETBOX_TEST_FIRST_PROCESS"

func TestAnAppGoesOnCountingInAnotherProcess(t *testing.T) {
	if path := os.Getenv(firstProcess); path != "" {
		app := openPlatform(t, path)
		source := must(os.ReadFile("../../examples/guest/app.luau"))(t)
		must(app.Call(background, "set_code", string(source)))(t)
		visit(t, app, "You've made 1 requests.\n")
		visit(t, app, "You've made 2 requests.\n")
		return
	}
	path := t.TempDir()
	first := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	first.Env = append(os.Environ(), firstProcess+"="+path)
	if output, err := first.CombinedOutput(); err != nil {
		t.Fatalf("the first process failed: %v\n%s", err, output)
	}

	app := openPlatform(t, path)
	visit(t, app, "You've made 3 requests.\n")
	if seen := must(app.Call(background, "peek", "code"))(t); seen != nil {
		t.Errorf("the app sees its supervisor's data: %v", seen)
	}
	_, err := app.Call(background, "reach", "http://example.com/")
	fails(t, err, facetbox.ErrUnsupported, "not permitted to access the internet")
}
