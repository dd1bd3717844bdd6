package facetbox

// #include "bridge.h"
import "C"

import "fmt"

// Code says what kind of error an [Error] is. Codes are stable, and errors themselves, to be
// compared with [errors.Is]:
//
//	if errors.Is(err, facetbox.ErrNotFound) { ... }
type Code int32

// The codes. Later versions may add more.
const (
	// ErrInvalidArgument: an argument or option has a wrong type, value or range.
	ErrInvalidArgument Code = C.FACETBOX_ERR_INVALID_ARGUMENT
	// ErrClosed: the runtime or cursor was closed.
	ErrClosed Code = C.FACETBOX_ERR_CLOSED
	// ErrForked: the runtime was opened in another process, before a fork.
	ErrForked Code = C.FACETBOX_ERR_FORKED
	// ErrInUse: the data directory is open in another runtime.
	ErrInUse Code = C.FACETBOX_ERR_IN_USE
	// ErrUnsupported: the operation or module type is not supported.
	ErrUnsupported Code = C.FACETBOX_ERR_UNSUPPORTED
	// ErrNotFound: no such namespace, object, facet, method or export.
	ErrNotFound Code = C.FACETBOX_ERR_NOT_FOUND
	// ErrGuestError: guest code threw an error, with its own name, message and stack.
	ErrGuestError Code = C.FACETBOX_ERR_GUEST_ERROR
	// ErrLoadError: guest code does not load: syntax, missing or cyclic module, size.
	ErrLoadError Code = C.FACETBOX_ERR_LOAD_ERROR
	// ErrValueError: a value can't cross between host and guest: cycle, depth, type or range.
	ErrValueError Code = C.FACETBOX_ERR_VALUE_ERROR
	// ErrLimitCPU: the event used more CPU time than its limit.
	ErrLimitCPU Code = C.FACETBOX_ERR_LIMIT_CPU
	// ErrLimitWall: the event took longer than its limit.
	ErrLimitWall Code = C.FACETBOX_ERR_LIMIT_WALL
	// ErrLimitMemory: the virtual machine needed more memory than its limit.
	ErrLimitMemory Code = C.FACETBOX_ERR_LIMIT_MEMORY
	// ErrLimitStack: the stack of guest or host calls grew too deep.
	ErrLimitStack Code = C.FACETBOX_ERR_LIMIT_STACK
	// ErrLimitStorage: the database would grow past its limit.
	ErrLimitStorage Code = C.FACETBOX_ERR_LIMIT_STORAGE
	// ErrLimitSubrequests: the event made more calls to the outside than its limit.
	ErrLimitSubrequests Code = C.FACETBOX_ERR_LIMIT_SUBREQUESTS
	// ErrLimitMessage: a message is larger than the limit.
	ErrLimitMessage Code = C.FACETBOX_ERR_LIMIT_MESSAGE
	// ErrLimitFacets: the object has more facets than the limit.
	ErrLimitFacets Code = C.FACETBOX_ERR_LIMIT_FACETS
	// ErrLimitDepth: facets or calls are nested deeper than the limit.
	ErrLimitDepth Code = C.FACETBOX_ERR_LIMIT_DEPTH
	// ErrStorage: the database or the file system refused an operation.
	ErrStorage Code = C.FACETBOX_ERR_STORAGE
	// ErrCorrupt: a file is corrupt, too new or not one of ours; it is left untouched.
	ErrCorrupt Code = C.FACETBOX_ERR_CORRUPT
	// ErrAborted: the object or facet was aborted, with the reason as the message.
	ErrAborted Code = C.FACETBOX_ERR_ABORTED
	// ErrReset: the object was reset and rolled back to its last committed state.
	ErrReset Code = C.FACETBOX_ERR_RESET
	// ErrDeadlock: calls wait for each other in a cycle.
	ErrDeadlock Code = C.FACETBOX_ERR_DEADLOCK
	// ErrPanic: a bug in Facetbox, or a panic in Go code that the library called.
	ErrPanic Code = C.FACETBOX_ERR_PANIC
)

// String is the stable name of the code, such as "LIMIT_CPU".
func (c Code) String() string {
	if name := text(C.facetbox_error_code_name(C.int32_t(c))); name != "" {
		return name
	}
	return fmt.Sprintf("Code(%d)", int32(c))
}

// Error is the same as String, so that a code can stand where an error is expected.
func (c Code) Error() string {
	return c.String()
}
