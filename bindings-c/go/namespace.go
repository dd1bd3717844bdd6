package facetbox

// #include "bridge.h"
import "C"

import "runtime"

// Namespace is a name bound to a class; every id of it is one object in the whole runtime. It may be
// used by several goroutines at a time.
type Namespace struct {
	ptr *C.facetbox_namespace_t
}

func newNamespace(ptr *C.facetbox_namespace_t) *Namespace {
	namespace := &Namespace{ptr: ptr}
	own(namespace, ptr, func(ptr *C.facetbox_namespace_t) { C.facetbox_namespace_free(ptr) })
	return namespace
}

// Name is the namespace's name.
func (n *Namespace) Name() string {
	defer runtime.KeepAlive(n)
	return text(C.facetbox_namespace_name(n.ptr))
}

// NewUniqueID makes a new random id.
func (n *Namespace) NewUniqueID() (*ObjectID, error) {
	defer runtime.KeepAlive(n)
	var out *C.facetbox_object_id_t
	if err := check(C.facetbox_namespace_new_unique_id(n.ptr, &out)); err != nil {
		return nil, err
	}
	return newObjectID(out), nil
}

// IDFromName gives the id that belongs to a name: always the same one.
func (n *Namespace) IDFromName(name string) (*ObjectID, error) {
	defer runtime.KeepAlive(n)
	var out *C.facetbox_object_id_t
	if err := check(C.facetbox_namespace_id_from_name(n.ptr, lend(name), &out)); err != nil {
		return nil, err
	}
	return newObjectID(out), nil
}

// IDFromString reads an id back from its text. It fails with [ErrInvalidArgument] for anything but
// 64 hex digits of an id of this namespace.
func (n *Namespace) IDFromString(id string) (*ObjectID, error) {
	defer runtime.KeepAlive(n)
	var out *C.facetbox_object_id_t
	if err := check(C.facetbox_namespace_id_from_string(n.ptr, lend(id), &out)); err != nil {
		return nil, err
	}
	return newObjectID(out), nil
}

// Get gives a stub of the object with this id, which must be of this namespace. It neither creates
// nor contacts the object.
func (n *Namespace) Get(id *ObjectID) (*Stub, error) {
	defer runtime.KeepAlive(n)
	defer runtime.KeepAlive(id)
	var out *C.facetbox_stub_t
	if err := check(C.facetbox_namespace_get(n.ptr, id.pointer(), &out)); err != nil {
		return nil, err
	}
	return newStub(out), nil
}

// GetByName gives a stub of the object with this name. It neither creates nor contacts the object.
func (n *Namespace) GetByName(name string) (*Stub, error) {
	defer runtime.KeepAlive(n)
	var out *C.facetbox_stub_t
	if err := check(C.facetbox_namespace_get_by_name(n.ptr, lend(name), &out)); err != nil {
		return nil, err
	}
	return newStub(out), nil
}
