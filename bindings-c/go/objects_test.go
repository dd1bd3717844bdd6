package facetbox_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"facetbox"
)

// bindParents binds objects whose method "put" writes into them and into their facet "child".
func bindParents(t *testing.T, runtime *facetbox.Runtime) *facetbox.Namespace {
	t.Helper()
	class := host(methods{
		"put": func(self *object, ctx context.Context, args []any) (any, error) {
			child, err := self.ctx.Facets().Get("child", func() (facetbox.FacetOptions, error) {
				return facetbox.FacetOptions{Class: host(methods{"put": put})}, nil
			})
			if err != nil {
				return nil, err
			}
			if _, err := child.Call(ctx, "put", args...); err != nil {
				return nil, err
			}
			return put(self, ctx, args)
		},
		"usage": func(self *object, _ context.Context, _ []any) (any, error) { return usageOf(self) },
		"export": func(self *object, _ context.Context, args []any) (any, error) {
			return nil, self.ctx.Facets().Export("child", args[0].(string))
		},
	})
	return must(runtime.Namespace("parents", class))(t)
}

func put(self *object, _ context.Context, args []any) (any, error) {
	return nil, self.ctx.Storage().KV().Put("key", args[0])
}

func usageOf(self *object) (any, error) {
	usage, err := self.ctx.Facets().Usage("child")
	return usage.StorageBytes, err
}

func TestObjectsAreListedPageByPage(t *testing.T) {
	parents := bindParents(t, open(t))
	for i := range 5 {
		must(must(parents.GetByName(fmt.Sprint(i)))(t).Call(background, "put", i))(t)
	}
	names := map[string]bool{}
	var after *facetbox.ObjectID
	for {
		page := must(parents.List(after, 2))(t)
		for _, id := range page {
			if after != nil && id.String() <= after.String() {
				t.Errorf("%v comes after %v", id, after)
			}
			names[id.Name()], after = true, id
		}
		if len(page) < 2 {
			break
		}
	}
	count := 0
	for id, err := range parents.All() {
		if err != nil || !names[id.Name()] {
			t.Errorf("%v: %v", id, err)
		}
		count++
	}
	if len(names) != 5 || count != 5 {
		t.Errorf("found %v and %d", names, count)
	}
	_, err := parents.List(nil, -1)
	fails(t, err, facetbox.ErrInvalidArgument, "negative")
}

func TestObjectsAreMeasuredCopiedAndDeleted(t *testing.T) {
	dir := t.TempDir()
	runtime := openAt(t, filepath.Join(dir, "data"), facetbox.WithDurability(facetbox.None))
	parents := bindParents(t, runtime)
	a, b := must(parents.IDFromName("a"))(t), must(parents.IDFromName("b"))(t)
	stub := must(parents.Get(a))(t)
	if must(parents.Exists(a))(t) || must(stub.Exists())(t) {
		t.Error("it exists before it has written")
	}
	must(stub.Call(background, "put", "value"))(t)
	usage := must(parents.Usage(a))(t)
	if usage != must(stub.Usage())(t) || usage.Facets != 1 || usage.Events == 0 ||
		usage.StorageBytes <= must(stub.Call(background, "usage"))(t).(int64) {
		t.Errorf("its usage is %v", usage)
	}

	whole, facet := filepath.Join(dir, "whole"), filepath.Join(dir, "facet")
	must(stub.Call(background, "export", facet))(t)
	for _, err := range []error{parents.Export(background, a, whole), parents.Import(b, whole)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fails(t, stub.Export(background, whole), facetbox.ErrInvalidArgument, "exists")
	fails(t, parents.Import(b, whole), facetbox.ErrInvalidArgument, "delete it first")
	rows := must(parents.Query(background, b, []string{"child"}, "SELECT key, value, ? AS n FROM _fb_kv", 7))(t)
	if fmt.Sprint(*rows) != "{[key value n] [[key value 7]] false}" {
		t.Errorf("the copy has %v", *rows)
	}
	_, err := parents.Query(background, b, nil, "DELETE FROM _fb_kv")
	fails(t, err, facetbox.ErrInvalidArgument, "")
	_, err = parents.Query(background, b, []string{"other"}, "SELECT 1")
	fails(t, err, facetbox.ErrNotFound, "other")

	report := must(runtime.Verify())(t)
	if report.Objects != 2 || report.Databases != 4 || len(report.Problems) != 0 || report.Leftovers != 0 {
		t.Errorf("the report is %v", report)
	}
	if err := parents.Delete(a); err != nil || must(parents.Exists(a))(t) {
		t.Errorf("after deleting: %v", err)
	}
	_, err = stub.Call(background, "put", 1)
	fails(t, err, facetbox.ErrAborted, "deleted")
	fails(t, parents.Delete(nil), facetbox.ErrInvalidArgument, "'id' must not be NULL")
}

func TestAnEntrypointHasNoStorage(t *testing.T) {
	loader := must(open(t).Loader())(t)
	worker := must(loader.Load(luau(`return { default = WorkerEntrypoint:extend("E") }`)))(t)
	entrypoint := must(worker.GetEntrypoint("default"))(t)
	_, err := entrypoint.Usage()
	fails(t, err, facetbox.ErrUnsupported, "stateless")
}
