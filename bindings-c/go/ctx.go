package facetbox

// #include "bridge.h"
import "C"

import "runtime"

// Ctx is the context of one object or facet: its id, storage and facets. An instance may keep it as
// long as it likes. Once the object or facet is broken, every operation fails with its error.
type Ctx struct {
	ptr *C.facetbox_ctx_t
}

func newCtx(ptr *C.facetbox_ctx_t) *Ctx {
	ctx := &Ctx{ptr: ptr}
	own(ctx, ptr, func(ptr *C.facetbox_ctx_t) { C.facetbox_ctx_free(ptr) })
	return ctx
}

// ID is the object's id; for a facet its parent's, or what its supervisor chose.
func (c *Ctx) ID() *ObjectID {
	return &ObjectID{ptr: C.facetbox_ctx_id(c.ptr), ctx: c}
}

// Path is "namespace/object/facet/...", for messages and logs.
func (c *Ctx) Path() string {
	defer runtime.KeepAlive(c)
	return text(C.facetbox_ctx_path(c.ptr))
}

// Props is what the class was bound with; nil without.
func (c *Ctx) Props() any {
	defer runtime.KeepAlive(c)
	return decode(C.facetbox_ctx_props(c.ptr))
}

// Storage is the database of the object or facet.
func (c *Ctx) Storage() *Storage {
	return &Storage{ptr: C.facetbox_ctx_storage(c.ptr), ctx: c}
}

// Facets are the children of the object or facet.
func (c *Ctx) Facets() *Facets {
	return &Facets{ptr: C.facetbox_ctx_facets(c.ptr), ctx: c}
}

// Loader is a Worker Loader with a cache of its own.
func (c *Ctx) Loader() *Loader {
	return &Loader{ptr: C.facetbox_ctx_loader(c.ptr), ctx: c}
}

// Abort aborts the object or facet: it discards what is uncommitted and breaks the instance and its
// facets. Return the error from the handler; every caller gets it. An empty reason stands for a
// general one.
func (c *Ctx) Abort(reason string) error {
	defer runtime.KeepAlive(c)
	if reason == "" {
		return check(C.facetbox_ctx_abort(c.ptr, C.facetbox_str_t{}))
	}
	return check(C.facetbox_ctx_abort(c.ptr, lend(reason)))
}

// DeleteAll deletes everything that the object or facet and its facets store; running facets are
// aborted.
func (c *Ctx) DeleteAll() error {
	defer runtime.KeepAlive(c)
	return check(C.facetbox_ctx_delete_all(c.ptr))
}
