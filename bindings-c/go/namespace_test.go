package facetbox_test

import "testing"

func TestIdsAreThoseOfTheirNames(t *testing.T) {
	runtime := open(t)
	space := must(runtime.Namespace("mykey", host(nil)))(t)
	other := must(runtime.Namespace("other", host(nil)))(t)
	id := must(space.IDFromName("name"))(t)
	const golden = "3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a"
	if id.String() != golden || id.Name() != "name" {
		t.Errorf("got %v of %q", id, id.Name())
	}
	read := must(must(runtime.GetNamespace("mykey"))(t).IDFromString(golden))(t)
	unique := must(space.NewUniqueID())(t)
	if !id.Equal(read) || id.Equal(unique) || id.Equal(nil) || read.Name() != "" {
		t.Errorf("wrong comparisons of %v, %v, %v", id, read, unique)
	}
	stub := must(space.Get(id))(t)
	if !stub.ID().Equal(id) || stub.Name() != "name" || space.Name() != "mykey" {
		t.Errorf("the stub has the id %v of %q in %q", stub.ID(), stub.Name(), space.Name())
	}
	if _, err := other.Get(id); err == nil {
		t.Error("another namespace takes the id")
	}
}
