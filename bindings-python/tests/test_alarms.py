"""Alarms, under a clock that the tests move."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from queue import Empty, Queue

import facetbox
import pytest
from conftest import Host
from facetbox import AlarmInfo, DurableObject, FacetOptions, ManualClock, Runtime, Stub, WorkerCode

START = 1_800_000_000_000
MINUTE = 60_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def runtime(clock: ManualClock) -> Iterator[Runtime]:
    """Replaces the one of all tests: nothing fires before a test says so."""
    with facetbox.open(clock=clock, alarms="manual") as runtime:
        yield runtime


class Silent(DurableObject):
    """Sets an alarm, and has no handler for it."""

    def set(self, time: float | datetime) -> int | None:
        self.ctx.storage.set_alarm(time)
        return self.get()

    def get(self) -> int | None:
        return self.ctx.storage.get_alarm()

    def delete(self) -> None:
        self.ctx.storage.delete_alarm()


class Recorder(Silent):
    """Remembers what its handler was told."""

    def alarm(self, info: AlarmInfo) -> None:
        kv = self.ctx.storage.kv
        told = [info.scheduled_time, info.retry_count, info.is_retry]
        kv.put("told", [*kv.get("told", []), told])

    def told(self) -> object:
        return self.ctx.storage.kv.get("told", [])


class Failing(Recorder):
    def alarm(self, info: AlarmInfo) -> None:
        super().alarm(info)
        raise LookupError("not today")


def test_an_interrupt_of_a_handler_interrupts_who_fires_it() -> None:
    class Interrupted(DurableObject):
        def set(self) -> None:
            self.ctx.storage.set_alarm(1)

        def alarm(self, info: AlarmInfo) -> None:
            raise KeyboardInterrupt

        def answer(self) -> int:
            return 7

    with facetbox.open(alarms="manual") as runtime:
        stub = runtime.namespace("Interrupted", Interrupted).get_by_name("a")
        stub.set()
        with pytest.raises(KeyboardInterrupt):
            runtime.run_due_alarms()
        assert stub.answer() == 7


def test_an_alarm_fires_once_at_its_time(host: Host, runtime: Runtime, clock: ManualClock) -> None:
    stub = host(Recorder)
    assert stub.get() is None
    assert stub.set(START + MINUTE) == START + MINUTE
    clock.set_ms(START + MINUTE - 1)
    assert (runtime.run_due_alarms(), stub.told()) == (0, [])
    clock.set_ms(START + MINUTE)
    assert (runtime.run_due_alarms(), stub.get()) == (1, None)
    clock.advance(timedelta(days=1))
    assert runtime.run_due_alarms() == 0
    assert stub.told() == [[START + MINUTE, 0, False]]


def test_what_a_handler_is_told_is_plain_data(
    host: Host, runtime: Runtime, clock: ManualClock
) -> None:
    told: list[AlarmInfo] = []

    class Teller(Silent):
        def alarm(self, info: AlarmInfo) -> None:
            told.append(info)

    host(Teller).set(START + 1)
    clock.set_ms(START + 5)
    runtime.run_due_alarms()
    assert told == [AlarmInfo(scheduled_time=START + 1, retry_count=0)]
    with pytest.raises(AttributeError):
        told[0].retry_count = 1  # type: ignore[misc]


def test_a_handler_that_raises_is_tried_six_times_more(
    host: Host, runtime: Runtime, clock: ManualClock
) -> None:
    stub = host(Failing)
    stub.set(START)
    assert runtime.run_due_alarms() == 1
    for delay in (2, 4, 8, 16, 32, 64):
        assert stub.get() == START
        clock.advance(delay - 0.001)
        assert runtime.run_due_alarms() == 0
        clock.advance(delay / 4 + 0.001)
        assert runtime.run_due_alarms() == 1
    assert stub.get() is None
    clock.advance(timedelta(days=1))
    assert runtime.run_due_alarms() == 0
    assert stub.told() == [[START, n, n > 0] for n in range(7)]


def test_a_retry_that_succeeds_is_the_last(
    host: Host, runtime: Runtime, clock: ManualClock
) -> None:
    class Hesitant(Recorder):
        def alarm(self, info: AlarmInfo) -> None:
            super().alarm(info)
            if not info.is_retry:
                raise LookupError("not at once")

    stub = host(Hesitant)
    stub.set(START)
    for _ in range(4):
        runtime.run_due_alarms()
        clock.advance(100)
    assert (stub.told(), stub.get()) == ([[START, 0, False], [START, 1, True]], None)


def test_a_handler_may_set_the_next_alarm(
    host: Host, runtime: Runtime, clock: ManualClock
) -> None:
    class Ticking(Recorder):
        def alarm(self, info: AlarmInfo) -> None:
            super().alarm(info)
            self.ctx.storage.set_alarm(info.scheduled_time + MINUTE)

    stub = host(Ticking)
    stub.set(START + MINUTE)
    for _ in range(3):
        clock.advance(60)
        assert runtime.run_due_alarms() == 1
    assert stub.told() == [[START + n * MINUTE, 0, False] for n in (1, 2, 3)]
    assert stub.get() == START + 4 * MINUTE


def test_the_alarm_reads_as_unset_within_its_handler(host: Host, runtime: Runtime) -> None:
    read: list[int | None] = []

    class Reader(Silent):
        def alarm(self, info: AlarmInfo) -> None:
            read.append(self.get())
            read.append(self.set(START + 7))
            self.delete()
            read.append(self.get())

    stub = host(Reader)
    stub.set(START)
    assert runtime.run_due_alarms() == 1
    assert (read, stub.get()) == ([None, START + 7, None], None)


def test_a_later_alarm_replaces_and_a_deleted_one_never_fires(
    host: Host, runtime: Runtime, clock: ManualClock
) -> None:
    stub = host(Recorder)
    stub.set(START + 1)
    stub.set(START + 9)
    clock.set_ms(START + 1)
    assert runtime.run_due_alarms() == 0
    stub.delete()
    clock.set_ms(START + 9)
    assert (stub.get(), runtime.run_due_alarms()) == (None, 0)


def test_an_alarm_is_part_of_the_transaction(host: Host, runtime: Runtime) -> None:
    class Undecided(Recorder):
        def undo(self) -> int | None:
            def body() -> None:
                self.ctx.storage.set_alarm(START)
                raise LookupError

            with pytest.raises(LookupError):
                self.ctx.storage.transaction_sync(body)
            return self.get()

    assert (host(Undecided).undo(), runtime.run_due_alarms()) == (None, 0)


def test_an_overdue_alarm_fires_once_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    with facetbox.open(tmp_path, clock=clock, alarms="manual") as runtime:
        runtime.namespace("A", Recorder).get_by_name("it").set(START + MINUTE)
    clock.advance(timedelta(hours=1))
    for expected in (1, 0):
        with facetbox.open(tmp_path, clock=clock, alarms="manual") as runtime:
            assert runtime.run_due_alarms() == 0
            stub = runtime.namespace("A", Recorder).get_by_name("it")
            assert runtime.run_due_alarms() == expected
            assert stub.told() == [[START + MINUTE, 0, False]]


def test_the_runtime_fires_alarms_by_itself(tmp_path: Path, clock: ManualClock) -> None:
    fired: Queue[AlarmInfo] = Queue()

    class Automatic(Silent):
        def alarm(self, info: AlarmInfo) -> None:
            fired.put(info)

    def fires_once(stub: Stub, time: int) -> None:
        assert fired.get(timeout=30) == AlarmInfo(time, 0)
        # Answered after the handler's turn.
        assert stub.get() is None
        with pytest.raises(Empty):
            fired.get_nowait()

    with facetbox.open(tmp_path, clock=clock) as runtime:
        stub = runtime.namespace("A", Automatic).get_by_name("it")
        stub.set(START + MINUTE)
        clock.advance(60)
        fires_once(stub, START + MINUTE)
        stub.set(START + 2 * MINUTE)
    clock.advance(timedelta(hours=1))
    with facetbox.open(tmp_path, clock=clock) as runtime:
        fires_once(runtime.namespace("A", Automatic).get_by_name("it"), START + 2 * MINUTE)


APP = """
local App = DurableObject:extend("App")
function App:set(time) self.ctx.storage:setAlarm(time) end
function App:alarm(info) self.ctx.storage.kv:put("told", info) end
function App:told() return self.ctx.storage.kv:get("told") end
return { App = App }
"""


class Supervisor(Recorder):
    """Has a facet that runs guest code with an alarm."""

    def set_app(self, time: int) -> None:
        self._app().set(time)

    def app_told(self) -> object:
        return self._app().told()

    def stop_app(self) -> None:
        self.ctx.facets.abort("app", "stopped")

    def _app(self) -> Stub:
        worker = self.env.LOADER.load(WorkerCode("app.luau", {"app.luau": APP}))
        return self.ctx.facets.get("app", lambda: FacetOptions(worker.get_durable_object_class("App")))


def test_a_facet_has_an_alarm_of_its_own(host: Host, runtime: Runtime, clock: ManualClock) -> None:
    stub = host(Supervisor)
    stub.set_app(START + 1)
    assert stub.get() is None
    clock.set_ms(START + 1)
    assert runtime.run_due_alarms() == 1
    assert stub.app_told() == {"scheduledTime": START + 1, "retryCount": 0, "isRetry": False}
    assert stub.told() == []


def test_the_alarm_of_a_stopped_facet_waits_for_its_start(
    host: Host, runtime: Runtime, clock: ManualClock
) -> None:
    stub = host(Supervisor)
    stub.set_app(START + 1)
    stub.stop_app()
    clock.set_ms(START + 1)
    assert runtime.run_due_alarms() == 0
    assert stub.app_told() is None
    assert runtime.run_due_alarms() == 1
    assert stub.app_told() is not None


def test_a_class_without_a_handler_cannot_set_an_alarm(host: Host) -> None:
    stub = host(Silent)
    with pytest.raises(facetbox.UnsupportedError, match="must have an alarm\\(\\) handler"):
        stub.set(START)
    assert stub.get() is None


def test_a_handler_cannot_be_called(host: Host) -> None:
    stub = host(Recorder)
    with pytest.raises(facetbox.InvalidArgument, match="'alarm' is a reserved method"):
        stub.alarm(None)
    assert stub.told() == []


def test_an_async_handler_fails(host: Host, runtime: Runtime) -> None:
    class Later(Silent):
        async def alarm(self, info: AlarmInfo) -> None: ...

    stub = host(Later)
    stub.set(START)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        assert runtime.run_due_alarms() == 1
        gc.collect()
    assert stub.get() == START


EAST = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        (START + 5, START + 5),
        (START + 5.9, START + 5),
        (float("inf"), 2**63 - 1),
        (datetime(2027, 1, 16, 12, 0, 0, 250_999, timezone.utc), 1_800_100_800_250),
        (datetime(2027, 1, 16, 21, tzinfo=EAST), 1_800_100_800_000),
        (START - MINUTE, START),
    ],
)
def test_a_time_is_milliseconds_or_a_datetime(host: Host, time: float | datetime, ms: int) -> None:
    assert host(Recorder).set(time) == ms


@pytest.mark.parametrize(
    "time", [0, -1, -0.5, float("nan"), True, None, "1800000000000", 2**64, datetime(1969, 1, 1)]
)
def test_other_times_are_refused(host: Host, time: object) -> None:
    class Wrong(Recorder):
        def refused(self) -> None:
            with pytest.raises(ValueError) as caught:
                self.ctx.storage.set_alarm(time)  # type: ignore[arg-type]
            assert isinstance(caught.value, facetbox.Error)

    stub = host(Wrong)
    stub.refused()
    assert stub.get() is None


def test_a_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(1_000)
    assert (clock.now_ms, repr(clock)) == (1_000, "ManualClock(1000)")
    clock.advance(1)
    clock.advance(0.25)
    clock.advance(timedelta(minutes=1, milliseconds=5))
    assert clock.now_ms == 62_255
    clock.set_ms(5)
    assert clock.now_ms == 5


@pytest.mark.parametrize("by", [-1, -0.5, float("nan"), timedelta(seconds=-1), "1", None])
def test_a_clock_is_advanced_by_a_time_from_0_on(by: object) -> None:
    with pytest.raises(facetbox.InvalidArgument, match="from 0 on"):
        ManualClock(0).advance(by)  # type: ignore[arg-type]


def test_who_fires_alarms_is_one_of_two() -> None:
    with pytest.raises(facetbox.InvalidArgument, match="'automatic' or 'manual', got 'never'"):
        facetbox.open(alarms="never")


def test_a_closed_runtime_fires_nothing(runtime: Runtime) -> None:
    runtime.close()
    with pytest.raises(facetbox.ClosedError):
        runtime.run_due_alarms()


@pytest.mark.parametrize("name", ["start_facet", "startFacet"])
def test_nobody_but_the_runtime_starts_facets_for_their_alarms(host: Host, name: str) -> None:
    class Starter(DurableObject):
        def start_facet(self, name: str) -> None:
            raise AssertionError(f"somebody has started {name}")

    with pytest.raises(facetbox.InvalidArgument, match=f"'{name}' is a reserved method"):
        host(Starter).call(name, "child")
