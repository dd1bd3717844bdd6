package facetbox

// #include "bridge.h"
import "C"

import "runtime"

// ObjectID identifies one object of a namespace; or it is what a facet was told as its id, which may
// be any text.
type ObjectID struct {
	ptr *C.facetbox_object_id_t
	// ctx owns ptr, unless the id itself does.
	ctx *Ctx
}

func newObjectID(ptr *C.facetbox_object_id_t) *ObjectID {
	id := &ObjectID{ptr: ptr}
	own(id, ptr, func(ptr *C.facetbox_object_id_t) { C.facetbox_object_id_free(ptr) })
	return id
}

// pointer is nil for a nil id, which the library refuses by name or takes for none.
func (id *ObjectID) pointer() *C.facetbox_object_id_t {
	if id == nil {
		return nil
	}
	return id.ptr
}

// String is the id as text: 64 hex digits, or the text that the supervisor chose.
func (id *ObjectID) String() string {
	defer runtime.KeepAlive(id)
	return text(C.facetbox_object_id_to_string(id.ptr))
}

// Name is the name that the id was made from; empty if there is none or it isn't known.
func (id *ObjectID) Name() string {
	defer runtime.KeepAlive(id)
	return text(C.facetbox_object_id_name(id.ptr))
}

// Equal says whether two ids are the same, whatever their names.
func (id *ObjectID) Equal(other *ObjectID) bool {
	if id == nil || other == nil {
		return id == other
	}
	defer runtime.KeepAlive(id)
	defer runtime.KeepAlive(other)
	return bool(C.facetbox_object_id_equals(id.ptr, other.ptr))
}
