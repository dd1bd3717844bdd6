package facetbox

// #include "bridge.h"
import "C"

import (
	"reflect"
	"runtime"
	"time"
)

// Durability says when an acknowledged write is safe.
type Durability int

const (
	// Full: on disk before the answer leaves; survives a power cut. The default.
	Full Durability = C.FACETBOX_DURABILITY_FULL
	// Relaxed: survives a crash of the process; a power cut may lose the last moments, but never
	// corrupts.
	Relaxed Durability = C.FACETBOX_DURABILITY_RELAXED
	// None: no guarantee, for tests.
	None Durability = C.FACETBOX_DURABILITY_NONE
)

// Limits are limits of guest code. A field that is 0 keeps its default; those of workers, classes
// and entrypoints count where they are lower than the runtime's.
type Limits struct {
	// CPUMs is CPU time per event; by default 1,000.
	CPUMs int64 `limit:"cpuMs"`
	// WallMs is time per event, waits included; by default 30,000.
	WallMs int64 `limit:"wallMs"`
	// BlockMs is how long blockConcurrencyWhile and transaction may take; by default 30,000.
	BlockMs int64 `limit:"blockMs"`
	// MemoryBytes is memory per virtual machine; by default 64 MiB.
	MemoryBytes int64 `limit:"memoryBytes"`
	// StorageBytes is the size of one object's or facet's database; by default 1 GiB.
	StorageBytes int64 `limit:"storageBytes"`
	// Subrequests is calls to the outside per event; by default 1,000.
	Subrequests int64 `limit:"subRequests"`
	// MessageBytes is the size of one message; by default 32 MiB.
	MessageBytes int64 `limit:"messageBytes"`
	// LogBytes is the size of the logs of one event; by default 256 KiB.
	LogBytes int64 `limit:"logBytes"`
	// FacetDepth is how deep facets may be nested; by default 16.
	FacetDepth int64 `limit:"facetDepth"`
	// Facets is the number of facets of one object; by default 10,000.
	Facets int64 `limit:"facets"`
}

// encode makes a map of the limits that are set, which the caller frees; nil if none is.
func (l Limits) encode() (*C.facetbox_value_t, error) {
	fields := map[string]any{}
	value := reflect.ValueOf(l)
	for i := range value.NumField() {
		if limit := value.Field(i).Int(); limit != 0 {
			fields[value.Type().Field(i).Tag.Get("limit")] = limit
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return encode("limits", fields)
}

// Option is an option of [Open].
type Option interface {
	open(options *C.facetbox_options_t) error
}

// NamespaceOption is an option of [Runtime.Namespace].
type NamespaceOption interface {
	namespace(options *bound)
}

// ExportOption is an option of [WorkerStub.GetDurableObjectClass] and [WorkerStub.GetEntrypoint].
type ExportOption interface {
	export(options *bound)
}

// bound collects options until the library gets them at once.
type bound struct {
	value  any
	limits Limits
}

// encode makes the two values that the library gets, which free frees.
func (b bound) encode(what string) (value, limits *C.facetbox_value_t, free func(), err error) {
	free = func() {
		C.facetbox_value_free(value)
		C.facetbox_value_free(limits)
	}
	if b.value != nil {
		if value, err = encode(what, b.value); err != nil {
			return nil, nil, nil, err
		}
	}
	if limits, err = b.limits.encode(); err != nil {
		free()
		return nil, nil, nil, err
	}
	return value, limits, free, nil
}

type openOption func(options *C.facetbox_options_t) error

func (o openOption) open(options *C.facetbox_options_t) error { return o(options) }

// WithDurability says when acknowledged writes are safe; by default [Full].
func WithDurability(durability Durability) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		return check(C.facetbox_options_set_durability(options, C.int32_t(durability)))
	})
}

// WithThreads says how many threads the runtime has for its own work; by default one per core. Calls
// from Go run on the threads of their goroutines.
func WithThreads(threads int) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		if threads < 0 {
			return invalid("The number of threads must not be negative.")
		}
		return check(C.facetbox_options_set_threads(options, C.size_t(threads)))
	})
}

// WithClock sets a clock in place of the wall clock, for tests. Several runtimes may share one.
func WithClock(clock *ManualClock) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		defer runtime.KeepAlive(clock)
		if clock == nil {
			return nil
		}
		return check(C.facetbox_options_set_clock(options, clock.ptr))
	})
}

// WithManualAlarms leaves it to [Runtime.RunDueAlarms] to fire alarms.
func WithManualAlarms() Option {
	return openOption(func(options *C.facetbox_options_t) error {
		return check(C.facetbox_options_set_alarms(options, C.FACETBOX_ALARMS_MANUAL))
	})
}

// WithIdle says after how much time without an event an instance is dropped, to be started again by
// the next event; by default 10 seconds.
func WithIdle(idle time.Duration) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		if idle < 0 {
			return invalid("The idle time must not be negative.")
		}
		return check(C.facetbox_options_set_idle_ms(options, C.uint64_t(idle.Milliseconds())))
	})
}

// WithMaxWarm says how many instances are kept warm; beyond that those used least recently are dropped
// earlier. By default 1,000.
func WithMaxWarm(instances int) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		if instances < 0 {
			return invalid("The number of instances must not be negative.")
		}
		return check(C.facetbox_options_set_max_warm(options, C.size_t(instances)))
	})
}

// Engine is a language that guests may be written in.
type Engine string

const (
	// EngineLuau runs .luau and .lua modules.
	EngineLuau Engine = "luau"
	// EngineJavaScript runs .js and .mjs modules.
	EngineJavaScript Engine = "javascript"
)

// WithEngines sets which languages guests may be written in; by default both. Modules in others are
// refused with [ErrUnsupported].
func WithEngines(engines ...Engine) Option {
	return openOption(func(options *C.facetbox_options_t) error {
		names, err := encode("engines", engines)
		if err != nil {
			return err
		}
		defer C.facetbox_value_free(names)
		return check(C.facetbox_options_set_engines(options, names))
	})
}

// LimitsOption is an option of everything that runs guest code.
type LimitsOption struct {
	limits Limits
}

// WithLimits sets limits: of all guests with [Open], of a namespace, or of a class or entrypoint.
func WithLimits(limits Limits) LimitsOption {
	return LimitsOption{limits}
}

func (o LimitsOption) open(options *C.facetbox_options_t) error {
	limits, err := o.limits.encode()
	if err != nil || limits == nil {
		return err
	}
	defer C.facetbox_value_free(limits)
	return check(C.facetbox_options_set_limits(options, limits))
}

func (o LimitsOption) namespace(options *bound) { options.limits = o.limits }

func (o LimitsOption) export(options *bound) { options.limits = o.limits }

type envOption Env

func (o envOption) namespace(options *bound) { options.value = map[string]any(o) }

// WithEnv sets what instances of a host class get as env; by default an env with a [Loader] as
// "LOADER". Guest classes get the env of their [WorkerCode] instead.
func WithEnv(env Env) NamespaceOption {
	return envOption(env)
}

type propsOption struct {
	props any
}

func (o propsOption) export(options *bound) { options.value = o.props }

// WithProps sets what instances see as ctx.props: any data.
func WithProps(props any) ExportOption {
	return propsOption{props}
}
