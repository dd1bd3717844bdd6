package facetbox

// #include "bridge.h"
import "C"

import (
	"fmt"
	"runtime/cgo"
	"runtime/debug"
	"time"
)

// What the library calls, through bridge.c. No panic leaves these functions.

// protect runs code of the host for the library, and makes an error of a panic.
//
// A goroutine that ends in the middle of it would leave the library in the middle of an event for good, so that
// ends the program.
func protect(code func() error) (failure *C.facetbox_error_t) {
	returned := false
	defer func() {
		cause := recover()
		if cause != nil {
			failure = raise(&Error{
				Code:    ErrPanic,
				Name:    "Error",
				Message: fmt.Sprintf("Go code panicked: %v", cause),
				Stack:   string(debug.Stack()),
			})
		} else if !returned {
			panic("facetbox: Go code that the library called has ended its goroutine, with runtime.Goexit or " +
				"testing's FailNow, Fatal or SkipNow; it must return or panic")
		}
	}()
	failure = raise(code())
	returned = true
	return failure
}

//export facetboxGoDrop
func facetboxGoDrop(handle C.uintptr_t) {
	cgo.Handle(handle).Delete()
}

//export facetboxGoConstruct
func facetboxGoConstruct(class C.uintptr_t, ctx *C.facetbox_ctx_t, env *C.facetbox_value_t, out *C.uintptr_t) *C.facetbox_error_t {
	owned := newCtx(ctx)
	return protect(func() error {
		fields, _ := decode(env).(map[string]any)
		object, err := handled[construct](class)(owned, Env(fields))
		if err == nil {
			*out = newHandle(object)
		}
		return err
	})
}

//export facetboxGoFetch
func facetboxGoFetch(fetcher, state C.uintptr_t, request *C.facetbox_request_t, out **C.facetbox_response_t) *C.facetbox_error_t {
	return protect(func() error {
		response, err := handled[Fetcher](fetcher).Fetch(contextOf(state), decodeRequest(request))
		if err != nil || response == nil {
			return err
		}
		*out, err = response.encode()
		return err
	})
}

//export facetboxGoCall
func facetboxGoCall(object, state C.uintptr_t, method C.facetbox_str_t, args *C.facetbox_value_t, out **C.facetbox_value_t) *C.facetbox_error_t {
	return protect(func() error {
		list, _ := decode(args).([]any)
		result, err := handled[Object](object).Call(contextOf(state), text(method), list)
		if err == nil {
			*out, err = encode("result", result)
		}
		return err
	})
}

//export facetboxGoAlarm
func facetboxGoAlarm(object, state C.uintptr_t, info *C.facetbox_alarm_info_t) *C.facetbox_error_t {
	handler, ok := handled[DurableObject](object).(AlarmHandler)
	if !ok {
		return C.facetbox_error_no_alarm_handler()
	}
	return protect(func() error {
		return handler.Alarm(contextOf(state), AlarmInfo{
			ScheduledTime: time.UnixMilli(int64(info.scheduled_time_ms)).UTC(),
			RetryCount:    int(info.retry_count),
			IsRetry:       bool(info.is_retry),
		})
	})
}

//export facetboxGoHasAlarm
func facetboxGoHasAlarm(object C.uintptr_t) C.bool {
	_, ok := handled[DurableObject](object).(AlarmHandler)
	return C.bool(ok)
}

//export facetboxGoFunction
func facetboxGoFunction(function, state C.uintptr_t, args *C.facetbox_value_t, out **C.facetbox_value_t) *C.facetbox_error_t {
	return protect(func() error {
		list, _ := decode(args).([]any)
		result, err := handled[Function](function)(contextOf(state), list)
		if err == nil {
			*out, err = encode("result", result)
		}
		return err
	})
}

//export facetboxGoStart
func facetboxGoStart(start C.uintptr_t, out **C.facetbox_facet_options_t) *C.facetbox_error_t {
	return protect(func() error {
		options, err := handled[func() (FacetOptions, error)](start)()
		if err == nil {
			*out, err = options.encode()
		}
		return err
	})
}

//export facetboxGoCode
func facetboxGoCode(code C.uintptr_t, out **C.facetbox_worker_code_t) *C.facetbox_error_t {
	return protect(func() error {
		worker, err := handled[func() (WorkerCode, error)](code)()
		if err == nil {
			*out, err = worker.encode()
		}
		return err
	})
}

//export facetboxGoBody
func facetboxGoBody(body C.uintptr_t) *C.facetbox_error_t {
	return protect(handled[func() error](body))
}
