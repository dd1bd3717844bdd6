package facetbox

// #include "bridge.h"
import "C"

import (
	"strings"
	"time"
)

// TailEvent is what one event of an object, facet or entrypoint did, told after its end. Texts are as
// guests wrote them: treat them as untrusted.
type TailEvent struct {
	// Type is what kind of event it was: "fetch", "rpc", "alarm", "tail" or "task".
	Type string
	// Event says more about it, as in Cloudflare's trace items; nil where there is no more to say.
	Event map[string]any
	// Time is when it was delivered.
	Time time.Time
	// Namespace, ObjectID and ObjectName say whose event it was; empty for an entrypoint, and where the
	// name isn't known.
	Namespace, ObjectID, ObjectName string
	// Facets are the names of the facets below the object that lead to the one it is about.
	Facets []string
	// Entrypoint is the class or export.
	Entrypoint string
	// Outcome is how it ended: "ok", "exception", "exceededCpu" and so on.
	Outcome string
	// CPU is CPU time of the guest; 0 for host classes.
	CPU time.Duration
	// Wall is the time from delivery to answer, waits included.
	Wall time.Duration
	// Logs are what it logged, in order.
	Logs []TailLog
	// Exceptions are what it threw without catching it.
	Exceptions []TailException
	// Truncated says whether logs or exceptions were left out.
	Truncated bool
	// Subrequests counts its calls to the outside.
	Subrequests int64
	// Bindings is how often it called each binding of its env, by name: "AI", "STORE.get" for a method of a
	// host object, "globalOutbound" for fetch(); beyond 256 names "(others)".
	Bindings map[string]int64
	// Dropped counts events that the receiver has missed since the one before, because it was too slow.
	Dropped int64
}

// TailLog is a line of the log.
type TailLog struct {
	// Time is when it was written.
	Time time.Time
	// Level is "debug", "info", "log", "warn" or "error".
	Level string
	// Message is what was written.
	Message string
}

// TailException is an error that nobody caught.
type TailException struct {
	// Time is when it was thrown.
	Time time.Time
	// Name, Message and Stack are those of the error.
	Name, Message, Stack string
}

// WithTail sets who gets the tail events of everything that runs, one at a time, on a thread of their
// own. Events wait for receive, never the other way round; what is too much for it is dropped and counted.
// [Runtime.Close] delivers what is left and waits for it. A panic of receive costs the event.
func WithTail(receive func(TailEvent)) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		if receive == nil {
			return nil
		}
		return check(C.facetbox_go_options_set_on_tail(options, newHandle(receive)))
	})
}

//export facetboxGoTail
func facetboxGoTail(receive C.uintptr_t, event *C.facetbox_value_t) {
	C.facetbox_error_free(protect(func() error {
		fields, _ := decode(event).(map[string]any)
		handled[func(TailEvent)](receive)(tailEvent(fields))
		return nil
	}))
}

func tailEvent(fields map[string]any) TailEvent {
	event := TailEvent{
		Type:        field[string](fields, "eventType"),
		Event:       field[map[string]any](fields, "event"),
		Time:        moment(fields, "eventTimestamp"),
		Namespace:   field[string](fields, "namespace"),
		ObjectID:    field[string](fields, "durableObjectId"),
		ObjectName:  field[string](fields, "objectName"),
		Facets:      all[string](fields["facets"]),
		Entrypoint:  field[string](fields, "entrypoint"),
		Outcome:     field[string](fields, "outcome"),
		CPU:         span(fields, "cpuTime"),
		Wall:        span(fields, "wallTime"),
		Truncated:   field[bool](fields, "truncated"),
		Subrequests: field[int64](fields, "subrequests"),
		Dropped:     field[int64](fields, "dropped"),
	}
	event.Bindings = map[string]int64{}
	for name, calls := range field[map[string]any](fields, "bindings") {
		event.Bindings[name], _ = calls.(int64)
	}
	for _, log := range all[map[string]any](fields["logs"]) {
		event.Logs = append(event.Logs, TailLog{moment(log, "timestamp"), field[string](log, "level"), strings.Join(all[string](log["message"]), " ")})
	}
	for _, thrown := range all[map[string]any](fields["exceptions"]) {
		event.Exceptions = append(event.Exceptions, TailException{
			Time:    moment(thrown, "timestamp"),
			Name:    field[string](thrown, "name"),
			Message: field[string](thrown, "message"),
			Stack:   field[string](thrown, "stack"),
		})
	}
	return event
}

// field reads a field of a map that the library has made; the zero value where it is null.
func field[T any](fields map[string]any, key string) T {
	value, _ := fields[key].(T)
	return value
}

func moment(fields map[string]any, key string) time.Time {
	return time.UnixMilli(field[int64](fields, key)).UTC()
}

func span(fields map[string]any, key string) time.Duration {
	return time.Duration(field[float64](fields, key) * float64(time.Millisecond))
}
