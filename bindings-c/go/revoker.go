package facetbox

// #include "bridge.h"
import "C"

import "runtime"

// Revoker takes functions, objects and stubs back, at once and from whoever has got them meanwhile. It may be used by
// several goroutines at a time. Forgetting it revokes nothing.
type Revoker struct {
	ptr *C.facetbox_revoker_t
}

// NewRevoker makes a revoker of nothing yet.
func NewRevoker() *Revoker {
	revoker := &Revoker{ptr: C.facetbox_revoker_new()}
	own(revoker, revoker.ptr, func(ptr *C.facetbox_revoker_t) { C.facetbox_revoker_free(ptr) })
	return revoker
}

// Wrap gives a function (a [FetchFunc], too), object or stub, as an [*RpcStub] or [*Stub], that works as value does until [Revoker.Revoke]; of
// a list or map, such as an env, a copy in which each of them does. It fails with [ErrInvalidArgument] for classes,
// namespaces, loaders and stubs of facets, which can't be taken back: abort the facet that has them.
func (r *Revoker) Wrap(value any) (any, error) {
	defer runtime.KeepAlive(r)
	given, err := encode("value", value)
	if err != nil {
		return nil, err
	}
	defer C.facetbox_value_free(given)
	var wrapped *C.facetbox_value_t
	if err := check(C.facetbox_revoker_wrap(r.ptr, given, &wrapped)); err != nil {
		return nil, err
	}
	return take(wrapped), nil
}

// Revoke takes back all that was wrapped, and what will be: calls fail with [ErrAborted], those that are on their way
// included. A function of the program that runs for one goes on to its end, but its answer is lost. What calls have
// answered before isn't taken back. It doesn't block.
func (r *Revoker) Revoke() {
	defer runtime.KeepAlive(r)
	_ = check(C.facetbox_revoker_revoke(r.ptr))
}

// IsRevoked says whether that has been done.
func (r *Revoker) IsRevoked() bool {
	defer runtime.KeepAlive(r)
	return bool(C.facetbox_revoker_is_revoked(r.ptr))
}
