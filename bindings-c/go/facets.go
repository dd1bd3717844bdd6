package facetbox

// #include "bridge.h"
import "C"

import "runtime"

// Facets are the facets of one object or facet: its children, each with a database of its own.
type Facets struct {
	ptr *C.facetbox_facets_t
	ctx *Ctx
}

// FacetOptions say what a facet is.
type FacetOptions struct {
	// Class is what the facet is an instance of.
	Class *Class
	// ID is what the facet sees as its id: the id of an object. By default its parent's.
	ID *ObjectID
	// IDText is what the facet sees as its id, in place of ID: any text.
	IDText string
}

// encode makes options of the library, which the caller frees.
func (o FacetOptions) encode() (*C.facetbox_facet_options_t, error) {
	defer runtime.KeepAlive(o)
	if o.Class == nil {
		return nil, invalid("FacetOptions.Class must not be nil.")
	}
	var out *C.facetbox_facet_options_t
	if err := check(C.facetbox_facet_options_new(o.Class.pointer(), &out)); err != nil {
		return nil, err
	}
	var err error
	if o.IDText != "" {
		err = check(C.facetbox_facet_options_set_id_text(out, lend(o.IDText)))
	} else if o.ID != nil {
		err = check(C.facetbox_facet_options_set_id(out, o.ID.ptr))
	}
	if err != nil {
		C.facetbox_facet_options_free(out)
		return nil, err
	}
	return out, nil
}

// Get gives a stub of the facet name. Nothing starts before the stub's first use; start runs then,
// at most once, unless the facet runs already.
//
// It fails with [ErrInvalidArgument] for a name that is empty or longer than 256 bytes, and with
// [ErrLimitDepth] when facets would be nested too deep.
func (f *Facets) Get(name string, start func() (FacetOptions, error)) (*Stub, error) {
	if start == nil {
		return nil, invalid("start must not be nil.")
	}
	defer runtime.KeepAlive(f)
	var out *C.facetbox_stub_t
	if err := check(C.facetbox_go_facets_get(f.ptr, lend(name), newHandle(start), &out)); err != nil {
		return nil, err
	}
	return newStub(out), nil
}

// Abort stops the facet and its descendants; their stubs fail with [ErrAborted] and reason as the
// message. Data is kept. It does nothing if the facet isn't running.
func (f *Facets) Abort(name, reason string) error {
	defer runtime.KeepAlive(f)
	return check(C.facetbox_facets_abort(f.ptr, lend(name), lend(reason)))
}

// Delete stops the facet and deletes its data and that of its descendants, together with what the
// parent writes in the same transaction. It does nothing if there is none.
func (f *Facets) Delete(name string) error {
	defer runtime.KeepAlive(f)
	return check(C.facetbox_facets_delete(f.ptr, lend(name)))
}

// Clone replaces the facet dst and its descendants by a copy of src and its descendants. A missing
// src leaves dst empty; src goes on running, dst is stopped first.
func (f *Facets) Clone(src, dst string) error {
	defer runtime.KeepAlive(f)
	return check(C.facetbox_facets_clone(f.ptr, lend(src), lend(dst)))
}

// List gives the names of the facets that exist, running or not, in order.
func (f *Facets) List() ([]string, error) {
	defer runtime.KeepAlive(f)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_facets_list(f.ptr, &out)); err != nil {
		return nil, err
	}
	return rows[string](out), nil
}

// Exists says whether the facet exists, running or not.
func (f *Facets) Exists(name string) (bool, error) {
	defer runtime.KeepAlive(f)
	var exists C.bool
	err := check(C.facetbox_facets_exists(f.ptr, lend(name), &exists))
	return bool(exists), err
}
