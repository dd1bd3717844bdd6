package facetbox

// #include "bridge.h"
import "C"

import "runtime"

// Metrics are what a runtime has done since it was opened, and what it keeps now. The numbers are read
// one after the other while events go on.
type Metrics struct {
	// Events are events by type and outcome; those that never happened are left out.
	Events []EventCount
	// Errors are failed events by code; codes that never came are left out.
	Errors []ErrorCount
	// Bindings are how often the bindings of guests' env were called, by names as in [TailEvent].
	Bindings map[string]int64
	// CPUMs and WallMs are times of events, in milliseconds.
	CPUMs, WallMs Histogram
	// Starts, Hibernations (idle ones that were dropped) and Evictions (beyond [WithMaxWarm]) count
	// instances.
	Starts, Hibernations, Evictions int64
	// AlarmsFired, AlarmsRetried and AlarmsFailed count runs of alarms' handlers, failures that are tried
	// again and alarms that were given up.
	AlarmsFired, AlarmsRetried, AlarmsFailed int64
	// Loads and CacheHits count codes that were loaded, and found in a loader's cache.
	Loads, CacheHits int64
	// LogBytes is log text of guests, without what was cut.
	LogBytes int64
	// TailEvents and TailEventsDropped count tail events that were told, and lost by slow receivers.
	TailEvents, TailEventsDropped int64
	// WarmActors and OpenDatabases are what there is now.
	WarmActors, OpenDatabases int64
}

// EventCount is how many events of a type ended in one way; see [TailEvent] for both.
type EventCount struct {
	Type, Outcome string
	Count         int64
}

// ErrorCount is how many events failed with one code, by its name.
type ErrorCount struct {
	Code  string
	Count int64
}

// Histogram is how values are spread over fixed ranges.
type Histogram struct {
	// Bounds are the upper bounds of the ranges.
	Bounds []float64
	// Counts are how many values each range has; the last one those above all bounds.
	Counts []int64
	// Sum is the sum of all values.
	Sum float64
}

// Metrics says what the runtime has done since it was opened, also after it was closed.
func (r *Runtime) Metrics() (*Metrics, error) {
	defer runtime.KeepAlive(r)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_runtime_metrics(r.ptr, &out)); err != nil {
		return nil, err
	}
	fields, _ := take(out).(map[string]any)
	count := func(key string) int64 { return field[int64](fields, key) }
	metrics := &Metrics{
		Bindings:          map[string]int64{},
		CPUMs:             histogram(fields, "cpuMs"),
		WallMs:            histogram(fields, "wallMs"),
		Starts:            count("starts"),
		Hibernations:      count("hibernations"),
		Evictions:         count("evictions"),
		AlarmsFired:       count("alarmsFired"),
		AlarmsRetried:     count("alarmsRetried"),
		AlarmsFailed:      count("alarmsFailed"),
		Loads:             count("loads"),
		CacheHits:         count("cacheHits"),
		LogBytes:          count("logBytes"),
		TailEvents:        count("tailEvents"),
		TailEventsDropped: count("tailEventsDropped"),
		WarmActors:        count("warmActors"),
		OpenDatabases:     count("openDatabases"),
	}
	for _, event := range all[map[string]any](fields["events"]) {
		metrics.Events = append(metrics.Events, EventCount{field[string](event, "type"), field[string](event, "outcome"), field[int64](event, "count")})
	}
	for _, failure := range all[map[string]any](fields["errors"]) {
		metrics.Errors = append(metrics.Errors, ErrorCount{field[string](failure, "code"), field[int64](failure, "count")})
	}
	for _, binding := range all[map[string]any](fields["bindings"]) {
		metrics.Bindings[field[string](binding, "name")] = field[int64](binding, "calls")
	}
	return metrics, nil
}

func histogram(fields map[string]any, key string) Histogram {
	values := field[map[string]any](fields, key)
	return Histogram{all[float64](values["bounds"]), all[int64](values["counts"]), field[float64](values, "sum")}
}

// MetricsText is the metrics as text in the format of Prometheus: names begin with "facetbox_", times are
// in seconds.
func (r *Runtime) MetricsText() (string, error) {
	defer runtime.KeepAlive(r)
	var out *C.facetbox_value_t
	if err := check(C.facetbox_runtime_metrics_text(r.ptr, &out)); err != nil {
		return "", err
	}
	lines, _ := take(out).(string)
	return lines, nil
}
