// Package facetbox runs code that you don't trust inside your own process: sandboxed apps, each with
// its own SQLite database, under a supervisor class that you write.
//
// A [Runtime] is an open data directory. [Runtime.Namespace] binds a name to a [Class], and
// [Namespace.GetByName] gives a [Stub] of one object of it. Classes are made by [HostClass] from a
// type of yours, or taken from guest code: a [Loader] makes a [WorkerStub] out of [WorkerCode], which
// gives classes. An object has facets, its children, through [Ctx.Facets].
//
//	// AppRunner runs an app that it doesn't trust as its facet "app".
//	type AppRunner struct {
//		facetbox.Base
//		ctx *facetbox.Ctx
//	}
//
//	func (r *AppRunner) Fetch(ctx context.Context, request *facetbox.Request) (*facetbox.Response, error) {
//		app, err := r.ctx.Facets().Get("app", r.start)
//		if err != nil {
//			return nil, err
//		}
//		return app.Fetch(ctx, request)
//	}
//
//	func (r *AppRunner) start() (facetbox.FacetOptions, error) {
//		worker, err := r.ctx.Loader().Load(facetbox.WorkerCode{
//			MainModule: "app.luau",
//			Modules:    map[string]facetbox.Module{"app.luau": facetbox.Source(code)},
//		})
//		if err != nil {
//			return facetbox.FacetOptions{}, err
//		}
//		class, err := worker.GetDurableObjectClass("App")
//		return facetbox.FacetOptions{Class: class}, err
//	}
//
// # Values
//
// Values that cross between Go and the library are always copies:
//
//	Go                                   in guests and storage    back in Go
//	nil, nil pointers of these types     null, undefined          nil
//	Undefined                            undefined                nil
//	bool                                 boolean                  bool
//	int, int64 and other integers        whole number             int64
//	float64, float32                     number                   float64
//	string                               text, in UTF-8           string
//	[]byte                               bytes                    []byte
//	[]any, other slices and arrays       list                     []any
//	map[string]any, other maps by text   map                      map[string]any
//	Dict, Set                            Map, Set                 Dict, Set
//	time.Time                            date, in milliseconds    time.Time, in UTC
//	*big.Int                             big integer              *big.Int
//	*Request, *Response, http.Header     the same; never stored   the same type
//	error                                error                    error
//	func([]any) (any, error), Function   function                 *RpcStub
//	Object                               object with methods      *RpcStub
//	*Stub, *Class, *Namespace, *Loader   the same                 the same type
//
// The keys of a Go map are written in sorted order, because it has none of its own; the order of
// insertion is lost on the way into Go. Integers beyond 64 bits, values nested deeper than 128 levels,
// cycles and other types are refused with [ErrValueError]. JavaScript's Invalid Date is the zero time.
//
// # Goroutines
//
// Calls block their goroutine, and run the whole chain of calls on it, from Go through guest code and
// back to Go. Everything may be used by several goroutines at a time. There is nothing to close but
// the Runtime; what Go forgets is freed.
package facetbox
