package facetbox_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"facetbox"
)

const summer = `
local App = DurableObject:extend("App")
function App:add(n)
    local kv = self.ctx.storage.kv
    local sum = (kv:get("sum") or 0) + n
    kv:put("sum", sum)
    return sum
end
function App:id() return tostring(self.ctx.id) end
return { App = App }
`

// facet gets a facet that runs summer, with changes to its options.
func facet(t *testing.T, ctx *facetbox.Ctx, name string, change func(*facetbox.FacetOptions)) *facetbox.Stub {
	return must(ctx.Facets().Get(name, func() (facetbox.FacetOptions, error) {
		class, err := exported(ctx.Loader(), luau(summer))
		options := facetbox.FacetOptions{Class: class}
		if change != nil {
			change(&options)
		}
		return options, err
	}))(t)
}

func TestFacetsKeepTheirData(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		facets := ctx.Facets()
		add := func(name string, n, want int64) {
			t.Helper()
			if got := must(facet(t, ctx, name, nil).Call(background, "add", n))(t); got != want {
				t.Errorf("%s has the sum %v, want %d", name, got, want)
			}
		}
		add("one", 2, 2)
		add("one", 3, 5)
		running := facet(t, ctx, "one", nil)
		must(running.Call(background, "add", 0))(t)
		if err := facets.Abort("one", "as asked"); err != nil {
			return err
		}
		_, err := running.Call(background, "add", 1)
		fails(t, err, facetbox.ErrAborted, "as asked")
		add("one", 1, 6)

		if err := facets.Clone("one", "two"); err != nil {
			return err
		}
		add("two", 10, 16)
		if names := must(facets.List())(t); !reflect.DeepEqual(names, []string{"one", "two"}) {
			t.Errorf("the facets are %v", names)
		}
		if err := facets.Delete("one"); err != nil {
			return err
		}
		for name, want := range map[string]bool{"one": false, "two": true} {
			if exists := must(facets.Exists(name))(t); exists != want {
				t.Errorf("%s exists: %v", name, exists)
			}
		}
		add("one", 1, 1)
		return ctx.DeleteAll()
	})
}

func TestFacetsSeeTheIdThatTheyAreGiven(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		for name, c := range map[string]struct {
			change func(*facetbox.FacetOptions)
			want   string
		}{
			"default": {nil, ctx.ID().String()},
			"text":    {func(o *facetbox.FacetOptions) { o.IDText = "chosen" }, "chosen"},
			"object":  {func(o *facetbox.FacetOptions) { o.ID = ctx.ID() }, ctx.ID().String()},
		} {
			if got := must(facet(t, ctx, name, c.change).Call(background, "id"))(t); got != c.want {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
		if ctx.Path() != "host/a" || ctx.ID().Name() != "a" || ctx.Props() != nil {
			t.Errorf("the supervisor is %s, %q, %v", ctx.Path(), ctx.ID().Name(), ctx.Props())
		}
		return nil
	})
}

func TestFacetsOfHostClasses(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		child := must(ctx.Facets().Get("child", func() (facetbox.FacetOptions, error) {
			return facetbox.FacetOptions{Class: host(methods{
				"path": func(self *object, _ context.Context, _ []any) (any, error) { return self.ctx.Path(), nil },
			})}, nil
		}))(t)
		if got := must(child.Call(background, "path"))(t); got != "host/a/child" {
			t.Errorf("the child is %v", got)
		}
		return nil
	})
}

func TestFacetsThatDoNotStart(t *testing.T) {
	inside(t, func(ctx *facetbox.Ctx) error {
		cause := errors.New("no code")
		failing := must(ctx.Facets().Get("f", func() (facetbox.FacetOptions, error) { return facetbox.FacetOptions{}, cause }))(t)
		if _, err := failing.Call(background, "add", 1); err != cause {
			t.Errorf("got %v", err)
		}
		without := must(ctx.Facets().Get("f", func() (facetbox.FacetOptions, error) { return facetbox.FacetOptions{}, nil }))(t)
		_, err := without.Call(background, "add", 1)
		fails(t, err, facetbox.ErrInvalidArgument, "FacetOptions.Class must not be nil")
		_, err = ctx.Facets().Get("", func() (facetbox.FacetOptions, error) { return facetbox.FacetOptions{}, nil })
		fails(t, err, facetbox.ErrInvalidArgument, "empty")
		_, err = ctx.Facets().Get("f", nil)
		fails(t, err, facetbox.ErrInvalidArgument, "start must not be nil")
		return nil
	})
}

func TestAbortedObjectsStartAfresh(t *testing.T) {
	runtime := open(t)
	space := must(runtime.Namespace("host", host(methods{
		"abort": func(self *object, _ context.Context, _ []any) (any, error) {
			return nil, errors.Join(self.ctx.Storage().KV().Put("lost", 1), self.ctx.Abort("as asked"))
		},
		"lost": func(self *object, _ context.Context, _ []any) (any, error) {
			return self.ctx.Storage().KV().Get("lost")
		},
	})))(t)
	broken := must(space.GetByName("a"))(t)
	_, err := broken.Call(background, "abort")
	fails(t, err, facetbox.ErrAborted, "as asked")
	_, err = broken.Call(background, "lost")
	fails(t, err, facetbox.ErrAborted, "as asked")
	if lost := must(must(space.GetByName("a"))(t).Call(background, "lost"))(t); lost != nil {
		t.Errorf("what was uncommitted is still there: %v", lost)
	}
}
