package facetbox

// #include "bridge.h"
import "C"

import (
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// How memory is shared with the library:
//
//   - A Go type that stands for a handle of the library has it in the field ptr. own frees the
//     handle once Go has forgotten the owner; the cleanup only frees. Methods keep their receiver
//     alive while the library uses the pointer.
//   - What the library calls is given to it as a cgo.Handle, which it gives back to facetboxGoDrop.
//   - Text and bytes are lent to the library for one call and copied out of it.

// own lets the library free ptr once owner is unreachable.
func own[T, P any](owner *T, ptr P, free func(P)) {
	runtime.AddCleanup(owner, free, ptr)
}

// newHandle makes a handle that the library takes over.
func newHandle(value any) C.uintptr_t {
	return C.uintptr_t(cgo.NewHandle(value))
}

// handled is the value behind a handle.
func handled[T any](handle C.uintptr_t) T {
	return cgo.Handle(handle).Value().(T)
}

// empty is where empty text and bytes point to: a null pointer would mean that they are absent.
var empty [1]byte

// lend lends text to a call of the library.
func lend(text string) C.facetbox_str_t {
	data := unsafe.StringData(text)
	if len(text) == 0 {
		data = &empty[0]
	}
	return C.facetbox_str_t{data: (*C.char)(unsafe.Pointer(data)), len: C.size_t(len(text))}
}

// lendBytes lends bytes to a call of the library; nil is absent.
func lendBytes(bytes []byte) C.facetbox_bytes_t {
	if bytes == nil {
		return C.facetbox_bytes_t{}
	}
	data := unsafe.SliceData(bytes)
	if len(bytes) == 0 {
		data = &empty[0]
	}
	return C.facetbox_bytes_t{data: (*C.uint8_t)(data), len: C.size_t(len(bytes))}
}

// text copies text of the library; what is absent gives "".
func text(lent C.facetbox_str_t) string {
	return C.GoStringN(lent.data, C.int(lent.len))
}

// bytes copies bytes of the library; what is absent gives nil.
func bytes(lent C.facetbox_bytes_t) []byte {
	if lent.data == nil {
		return nil
	}
	return C.GoBytes(unsafe.Pointer(lent.data), C.int(lent.len))
}

// Version is the version of the library that this program is linked with, such as "0.1.0".
func Version() string {
	return text(C.facetbox_version())
}
