package facetbox

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"time"
)

// AlarmInfo is what an alarm's handler is told.
type AlarmInfo struct {
	// ScheduledTime is the time that the alarm was set to; the same for every retry.
	ScheduledTime time.Time
	// RetryCount is how often the handler has failed before.
	RetryCount int
	// IsRetry says whether this is a retry.
	IsRetry bool
}

// AlarmHandler is what a [DurableObject] is, too, if it sets alarms.
type AlarmHandler interface {
	// Alarm runs when the alarm that was set with [Storage.SetAlarm] is due; at least once for each.
	// An error makes the alarm be tried again, up to six times, after 2, 4, 8, … seconds. ctx is that
	// of [Runtime.RunDueAlarms], or [context.Background].
	Alarm(ctx context.Context, info AlarmInfo) error
}

// SetAlarm sets the alarm of the object or facet, in place of the one that is set. A time in the past
// means now. It is set when the transaction commits, in whole milliseconds. If the object is no
// [AlarmHandler], it fails with [ErrUnsupported].
func (s *Storage) SetAlarm(at time.Time) error {
	defer runtime.KeepAlive(s)
	return check(C.facetbox_storage_set_alarm(s.ptr, C.int64_t(at.UnixMilli())))
}

// GetAlarm gives the time that the alarm is set to; the zero time if none is. Within its handler it
// reads as unset.
func (s *Storage) GetAlarm() (time.Time, error) {
	defer runtime.KeepAlive(s)
	var out C.int64_t
	if err := check(C.facetbox_storage_get_alarm(s.ptr, &out)); err != nil || out == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(out)).UTC(), nil
}

// DeleteAlarm deletes the alarm, if one is set.
func (s *Storage) DeleteAlarm() error {
	defer runtime.KeepAlive(s)
	return check(C.facetbox_storage_delete_alarm(s.ptr))
}

// RunDueAlarms fires the alarms that are due, one after the other, and says how many handlers ran. For
// runtimes with [WithManualAlarms], and for tests with a [ManualClock]. Each object's and facet's fires once: one
// that its handler sets to a time that is past fires in the next call. It blocks until the handlers
// have ended, which run on this goroutine and get ctx. When ctx ends before, it returns ctx.Err(); the alarms
// that are left stay due.
func (r *Runtime) RunDueAlarms(ctx context.Context) (int, error) {
	defer runtime.KeepAlive(r)
	var ran C.uint64_t
	err := wait(ctx, func(cancel *C.facetbox_cancel_t, state C.uintptr_t) *C.facetbox_error_t {
		return C.facetbox_go_run_due_alarms(r.ptr, cancel, state, &ran)
	})
	return int(ran), err
}

// ManualClock is a clock that stands still until it is moved, for tests of alarms. It replaces the
// wall clock of the runtimes that are opened with it: what Date.now() tells guests, and when alarms are
// due. Limits and timers go by real time. It may be used by several goroutines at a time.
type ManualClock struct {
	ptr *C.facetbox_manual_clock_t
}

// NewManualClock makes a clock that stands at now, in whole milliseconds.
func NewManualClock(now time.Time) *ManualClock {
	clock := &ManualClock{ptr: C.facetbox_manual_clock_new(C.int64_t(now.UnixMilli()))}
	own(clock, clock.ptr, func(ptr *C.facetbox_manual_clock_t) { C.facetbox_manual_clock_free(ptr) })
	return clock
}

// Now is what the clock shows.
func (c *ManualClock) Now() time.Time {
	defer runtime.KeepAlive(c)
	return time.UnixMilli(int64(C.facetbox_manual_clock_now_ms(c.ptr))).UTC()
}

// Set sets the clock. Alarms that are due by then fire, unless the runtime has [WithManualAlarms].
func (c *ManualClock) Set(now time.Time) {
	defer runtime.KeepAlive(c)
	C.facetbox_manual_clock_set_ms(c.ptr, C.int64_t(now.UnixMilli()))
}

// Advance moves the clock on; see [ManualClock.Set].
func (c *ManualClock) Advance(by time.Duration) {
	c.Set(c.Now().Add(by))
}
