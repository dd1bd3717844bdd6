package facetbox

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime"
	"strings"
)

// Error is an error of the library or of guest code.
//
// A method or function in Go may return one to choose the code and name that its caller sees. Every
// other error that it returns arrives in guest code as an error named "Error". Whatever it is, it
// comes out of the call in Go as the very value that went in, unless somebody on the way handled it.
type Error struct {
	// Code is the kind of error.
	Code Code
	// Name is what guest code reads as the error's name, such as "TypeError". By default the name
	// that belongs to the code.
	Name string
	// Message is the message without the name.
	Message string
	// Stack is the guest's stack, innermost frame first, a line "module:line" each; for a panic in
	// Go, the stack of the goroutine. Often empty.
	Stack string
	// Cause is what led to it, in most cases another error; nil without one. It is JavaScript's
	// Error.prototype.cause.
	Cause any
	// Path is where it happened: "namespace/object/facet/...". Empty if it was nowhere.
	Path string

	// ptr is the error in the library, with all that it knows; nil for an error made in Go.
	ptr *C.facetbox_error_t
}

// Error gives "Name: message".
func (e *Error) Error() string {
	if e.Name == "" {
		return e.Message
	}
	return e.Name + ": " + e.Message
}

// Unwrap gives the cause, if it is an error.
func (e *Error) Unwrap() error {
	cause, _ := e.Cause.(error)
	return cause
}

// Is says whether target is the error's [Code].
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// NoSuchMethod is what Call methods return for a method that they don't have.
func NoSuchMethod(method string) error {
	return check(C.facetbox_error_no_such_method(lend(method)))
}

// invalid is the error of a wrong argument.
func invalid(message string) error {
	return &Error{Code: ErrInvalidArgument, Name: "TypeError", Message: message}
}

// check takes over an error of the library and gives the Go error that it stands for.
func check(failure *C.facetbox_error_t) error {
	if failure == nil {
		return nil
	}
	if handle := C.facetbox_go_error_host(failure); handle != 0 {
		defer C.facetbox_error_free(failure)
		return handled[error](handle)
	}
	err := &Error{
		Code:    Code(C.facetbox_error_code(failure)),
		Name:    text(C.facetbox_error_name(failure)),
		Message: text(C.facetbox_error_message(failure)),
		Stack:   text(C.facetbox_error_stack(failure)),
		Path:    text(C.facetbox_error_path(failure)),
		Cause:   decode(C.facetbox_error_cause(failure)),
		ptr:     failure,
	}
	own(err, failure, func(ptr *C.facetbox_error_t) { C.facetbox_error_free(ptr) })
	return err
}

// raise makes an error for the library to take over; nil gives nil.
func raise(err error) *C.facetbox_error_t {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok && e.ptr != nil {
		defer runtime.KeepAlive(e)
		return C.facetbox_error_clone(e.ptr)
	}
	failure := describe(err)
	setCause(failure, err)
	if wrong := C.facetbox_go_error_set_host(failure, newHandle(err)); wrong != nil {
		C.facetbox_error_free(wrong)
	}
	return failure
}

// setCause adds the cause of an [Error] that was made in Go; what can't cross is left out.
func setCause(failure *C.facetbox_error_t, err error) {
	var inner *Error
	if !errors.As(err, &inner) || inner.Cause == nil {
		return
	}
	if cause, err := encode("cause", inner.Cause); err == nil {
		C.facetbox_error_free(C.facetbox_error_set_cause(failure, cause))
		C.facetbox_value_free(cause)
	}
}

// describe makes an error that says to others what a Go error is.
func describe(err error) *C.facetbox_error_t {
	code, message := ErrGuestError, err.Error()
	var name C.facetbox_str_t
	var inner *Error
	if !errors.As(err, &inner) {
		errors.As(err, &code)
	} else {
		code = inner.Code
		if inner.Name != "" {
			name = lend(inner.Name)
		}
		if err == error(inner) {
			message = inner.Message
		}
	}
	return C.facetbox_error_new(C.int32_t(code), name, lend(strings.ToValidUTF8(message, "\uFFFD")))
}
