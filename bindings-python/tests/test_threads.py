"""Threads and signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import facetbox
import pytest
from conftest import Guest, Host
from facetbox import DurableObject, FacetOptions, Limits, Runtime, WorkerCode

COUNTER = """
local App = DurableObject:extend("App")
function App:add()
    local kv = self.ctx.storage.kv
    kv:put("n", (kv:get("n") or 0) + 1)
    return kv:get("n")
end
return { App = App }
"""


class Supervisor(DurableObject):
    def add(self) -> object:
        return self.ctx.facets.get("app", self._start).add()

    def _start(self) -> FacetOptions:
        worker = self.env.LOADER.load(WorkerCode("c.luau", {"c.luau": COUNTER}))
        return FacetOptions(worker.get_durable_object_class("App"))


def test_thirty_two_threads_share_a_runtime(runtime: Runtime) -> None:
    namespace = runtime.namespace("a", Supervisor)
    start = threading.Barrier(32)

    def work(number: int) -> list[int]:
        start.wait()
        shared, own = namespace.get_by_name("shared"), namespace.get_by_name(f"own-{number % 8}")
        return [shared.add() for _ in range(10) if own.add()]

    with ThreadPoolExecutor(32) as threads:
        answers = [n for answer in threads.map(work, range(32)) for n in answer]
    assert sorted(answers) == list(range(1, 321))
    assert [namespace.get_by_name(f"own-{n}").add() for n in range(8)] == [41] * 8


def test_other_threads_run_while_a_guest_computes(guest: Guest) -> None:
    app = guest("function App:loop() while true do end end", limits=Limits(cpu_ms=300))
    steps = 0
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(app.loop)
        while not answer.done():
            steps += 1
        with pytest.raises(facetbox.LimitError):
            answer.result()
    assert steps > 1_000


class Busy(DurableObject):
    def hold(self) -> None:
        self.env.HELD()

    def ping(self) -> str:
        return "pong"


@contextmanager
def held(host: Host) -> Iterator[tuple[facetbox.Stub, Callable[[], None], Future[None]]]:
    """An object that is busy until a function is called, and the answer of the call that keeps it so."""
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(30)

    stub = host(Busy, env={"HELD": wait})
    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(stub.hold)
        try:
            assert entered.wait(30)
            yield stub, release.set, holding
        finally:
            release.set()


def test_calls_wait_for_their_turn(host: Host) -> None:
    with held(host) as (stub, release, _), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(stub.ping)
        release()
        assert answer.result(30) == "pong"


class Interrupted(Exception):
    pass


@contextmanager
def on_alarm(handler: Callable[..., None]) -> Iterator[None]:
    """Lets an alarm come soon."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_signal_interrupts_a_call_that_waits(host: Host) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupted

    with held(host) as (stub, _, _), pytest.raises(Interrupted), on_alarm(interrupt):
        stub.ping()
    assert stub.ping() == "pong"


def test_a_signal_whose_handler_returns_does_not(host: Host) -> None:
    with held(host) as (stub, release, _), on_alarm(lambda *_: release()):
        assert stub.ping() == "pong"


def test_close_ends_calls_that_wait(host: Host, runtime: Runtime) -> None:
    started = threading.Event()

    def ping() -> object:
        started.set()
        return stub.ping()

    with held(host) as (stub, release, holding), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ping)
        assert started.wait(30)
        runtime.close()
        release()
        for answer in (waiting, holding):
            with pytest.raises(facetbox.ClosedError):
                answer.result(30)


def test_deep_python_recursion_still_calls(host: Host) -> None:
    stub = host(Busy)

    def deep(n: int) -> object:
        return stub.ping() if n == 0 else deep(n - 1)

    assert deep(900) == "pong"


def test_a_thread_with_a_small_stack_calls(guest: Guest) -> None:
    app = guest("function App:add(a, b) return a + b end")
    before = threading.stack_size(256 << 10)
    try:
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(app.add, 1, 2).result(30) == 3
    finally:
        threading.stack_size(before)
