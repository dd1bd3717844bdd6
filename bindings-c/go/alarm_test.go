package facetbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"facetbox"
)

var start = time.UnixMilli(1_800_000_000_000).UTC()

// sleeper sets its alarm to the time that it is called with, and remembers what its handler was told.
type sleeper struct {
	facetbox.Base
	ctx  *facetbox.Ctx
	told *[]facetbox.AlarmInfo
	seen *[]context.Context
}

func (s *sleeper) Call(_ context.Context, method string, args []any) (any, error) {
	storage := s.ctx.Storage()
	var err error
	switch method {
	case "set":
		err = storage.SetAlarm(args[0].(time.Time))
	case "delete":
		err = storage.DeleteAlarm()
	case "bookmark":
		return storage.GetCurrentBookmark()
	}
	if err != nil {
		return nil, err
	}
	return storage.GetAlarm()
}

func (s *sleeper) Alarm(ctx context.Context, info facetbox.AlarmInfo) error {
	*s.told = append(*s.told, info)
	*s.seen = append(*s.seen, ctx)
	if !info.IsRetry {
		return errors.New("not yet")
	}
	return nil
}

func TestAlarmsFireAtTheirTimeAndAreTriedAgain(t *testing.T) {
	clock := facetbox.NewManualClock(start)
	runtime := open(t, facetbox.WithClock(clock), facetbox.WithManualAlarms())
	var told []facetbox.AlarmInfo
	var seen []context.Context
	class := facetbox.HostClass(func(ctx *facetbox.Ctx, _ facetbox.Env) (*sleeper, error) {
		return &sleeper{ctx: ctx, told: &told, seen: &seen}, nil
	})
	stub := must(must(runtime.Namespace("sleepers", class))(t).GetByName("a"))(t)
	at := start.Add(time.Minute)
	first := must(stub.Call(background, "bookmark"))(t).(string)
	if set := must(stub.Call(background, "set", at))(t); set != at {
		t.Errorf("set to %v", set)
	}
	if second := must(stub.Call(background, "bookmark"))(t).(string); second <= first {
		t.Errorf("the bookmark %q comes after %q", second, first)
	}

	type key struct{}
	ctx := context.WithValue(background, key{}, "mine")
	due := func(want int) {
		t.Helper()
		if ran := must(runtime.RunDueAlarms(ctx))(t); ran != want {
			t.Errorf("%d handlers ran, not %d", ran, want)
		}
	}
	clock.Advance(time.Minute - time.Millisecond)
	due(0)
	clock.Set(at)
	due(1)
	clock.Advance(5 * time.Second)
	due(1)
	want := facetbox.AlarmInfo{ScheduledTime: at, RetryCount: 1, IsRetry: true}
	if len(told) != 2 || told[1] != want || seen[1].Value(key{}) != "mine" {
		t.Errorf("the handler was told %v", told)
	}
	must(stub.Call(background, "set", start.Add(time.Hour)))(t)
	if left := must(stub.Call(background, "delete"))(t); left != (time.Time{}) {
		t.Errorf("after deleting: %v", left)
	}
	_, err := stub.Call(background, "set", time.UnixMilli(0))
	fails(t, err, facetbox.ErrInvalidArgument, "alarm time <= 0")
}

func TestWithoutAHandlerNoAlarmCanBeSet(t *testing.T) {
	stub := bind(t, open(t), "deaf", methods{
		"set": func(self *object, _ context.Context, _ []any) (any, error) {
			return nil, self.ctx.Storage().SetAlarm(start)
		},
		"get": func(self *object, _ context.Context, _ []any) (any, error) { return self.ctx.Storage().GetAlarm() },
	})
	_, err := stub.Call(background, "set")
	fails(t, err, facetbox.ErrUnsupported, "must have an alarm() handler")
	if left := must(stub.Call(background, "get"))(t); left != (time.Time{}) {
		t.Errorf("set to %v", left)
	}
}

func TestAlarmsFireByThemselves(t *testing.T) {
	fired := make(chan facetbox.AlarmInfo, 1)
	class := facetbox.HostClass(func(ctx *facetbox.Ctx, _ facetbox.Env) (*signaller, error) {
		return &signaller{ctx: ctx, fired: fired}, nil
	})
	stub := must(must(open(t).Namespace("signallers", class))(t).GetByName("a"))(t)
	must(stub.Call(background, "set"))(t)
	if info := <-fired; info.RetryCount != 0 {
		t.Errorf("got %v", info)
	}
}

// signaller sets its alarm to the past, and tells when it fires.
type signaller struct {
	facetbox.Base
	ctx   *facetbox.Ctx
	fired chan facetbox.AlarmInfo
}

func (s *signaller) Call(context.Context, string, []any) (any, error) {
	return nil, s.ctx.Storage().SetAlarm(start.AddDate(-10, 0, 0))
}

func (s *signaller) Alarm(_ context.Context, info facetbox.AlarmInfo) error {
	s.fired <- info
	return nil
}

func TestInstancesThatAreIdleOrTooManyAreDropped(t *testing.T) {
	runtime := open(t, facetbox.WithMaxWarm(1), facetbox.WithIdle(time.Hour))
	made := 0
	class := facetbox.HostClass(func(*facetbox.Ctx, facetbox.Env) (*object, error) {
		made++
		return &object{methods: methods{"hi": func(*object, context.Context, []any) (any, error) { return nil, nil }}}, nil
	})
	objects := must(runtime.Namespace("objects", class))(t)
	for range 3 {
		for _, name := range []string{"a", "b", "c"} {
			must(must(objects.GetByName(name))(t).Call(background, "hi"))(t)
		}
	}
	if made <= 3 {
		t.Errorf("only %d instances were made", made)
	}
	_, err := facetbox.Open(":memory:", facetbox.WithMaxWarm(-1))
	fails(t, err, facetbox.ErrInvalidArgument, "negative")
	_, err = facetbox.Open(":memory:", facetbox.WithIdle(-1))
	fails(t, err, facetbox.ErrInvalidArgument, "negative")
}
