package facetbox

// How the library is linked in this repository: whole, so that a program is one file. Where the package is
// installed another file stands in this one's place, see packaging/link.go.in.

/*
#cgo CFLAGS: -I${SRCDIR}/../../include
#cgo LDFLAGS: ${SRCDIR}/../../target/lib/libfacetbox.a
#cgo linux LDFLAGS: -lstdc++ -lm -lpthread -ldl
#cgo darwin LDFLAGS: -lc++
*/
import "C"
