"""Tail events, the logger of guests, and deployments of blocking hosts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from queue import Queue
from typing import Any

import facetbox
import pytest
from facetbox import DurableObject, Runtime, TailEvent, WorkerCode

NOISY = """
local App = DurableObject:extend("App")
function App:speak()
    console.debug("quiet")
    print("hello", 7)
    console.warn("careful")
end
function App:fail() error({ name = "RangeError", message = "too far" }) end
function App:fetch(request) return Response.new("yes", { status = 201 }) end
return { App = App }
"""


@pytest.fixture
def events() -> Queue[TailEvent]:
    return Queue()


@pytest.fixture
def runtime(events: Queue[TailEvent]) -> Iterator[Runtime]:
    """Replaces the one of all tests: with a receiver of tail events."""
    with facetbox.open(on_tail=events.put) as runtime:
        yield runtime


def noisy(runtime: Runtime, **options: Any) -> facetbox.Stub:
    code = WorkerCode("m.luau", {"m.luau": NOISY}, **options)
    cls = runtime.loader().load(code).get_durable_object_class("App")
    return runtime.namespace("Noisy", cls).get_by_name("it")


def test_every_event_is_told(runtime: Runtime, events: Queue[TailEvent]) -> None:
    stub = noisy(runtime)
    stub.speak()
    event = events.get(timeout=30)
    assert (event.namespace, event.object_name, event.facets) == ("Noisy", "it", [])
    assert (event.path, event.entrypoint, event.outcome) == ("Noisy/it", "App", "ok")
    assert (event.event.kind, event.event.method) == ("rpc", "speak")
    assert [(line.level, line.message) for line in event.logs] == [
        ("debug", "quiet"),
        ("log", "hello 7"),
        ("warn", "careful"),
    ]
    assert event.wall_ms >= 0 and event.cpu_ms >= 0 and event.dropped == 0

    stub.fetch("http://x/y")
    info = events.get(timeout=30).event
    assert (info.kind, info.method, info.url, info.status) == ("fetch", "GET", "http://x/y", 201)

    with pytest.raises(facetbox.GuestError):
        stub.fail()
    failed = events.get(timeout=30)
    assert failed.outcome == "exception"
    (thrown,) = failed.exceptions
    assert (thrown.name, thrown.message) == ("RangeError", "too far")


def test_a_receiver_that_raises_is_reported(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: Queue[Any] = Queue()
    monkeypatch.setattr("sys.unraisablehook", reported.put)

    def receive(event: TailEvent) -> None:
        raise LookupError(event.path)

    with facetbox.open(on_tail=receive) as other:
        noisy(other).speak()
        assert str(reported.get(timeout=30).exc_value) == "Noisy/it"


def test_metrics_count_events(runtime: Runtime) -> None:
    stub = noisy(runtime)
    stub.speak()
    with pytest.raises(facetbox.GuestError):
        stub.fail()
    metrics = runtime.metrics()
    assert metrics.events == {("rpc", "ok"): 1, ("rpc", "exception"): 1}
    assert metrics.errors == {"GUEST_ERROR": 1}
    assert (metrics.starts, metrics.warm_actors, metrics.loads) == (1, 1, 1)
    assert metrics.wall_ms.count == 2 and metrics.wall_ms.sum > 0
    assert len(metrics.wall_ms.counts) == len(metrics.wall_ms.bounds) + 1
    assert 'facetbox_events_total{type="rpc",outcome="ok"} 1' in runtime.metrics_text()


def test_calls_of_bindings_are_counted(runtime: Runtime, events: Queue[TailEvent]) -> None:
    source = """
    local App = DurableObject:extend("App")
    function App:ask(times)
        for _ = 1, times do self.env.AI() end
        return self.env.tools.search("x")
    end
    return { App = App }
    """
    env = {"AI": lambda: 1, "tools": {"search": lambda text: text}, "unused": lambda: 0}
    code = WorkerCode("m.luau", {"m.luau": source}, env=env)
    cls = runtime.loader().load(code).get_durable_object_class("App")
    stub = runtime.namespace("Asking", cls).get_by_name("it")
    for times in (2, 3):
        assert stub.ask(times) == "x"
        assert events.get(timeout=30).bindings == {"AI": times, "tools.search": 1}
    assert runtime.metrics().bindings == {"AI": 5, "tools.search": 2}
    assert 'facetbox_binding_calls_total{binding="AI"} 5' in runtime.metrics_text()


def test_code_has_tails_of_its_own(runtime: Runtime) -> None:
    told: Queue[list[dict[str, Any]]] = Queue()
    noisy(runtime, tails=[told.put]).speak()
    (item,) = told.get(timeout=30)
    assert item["event"] == {"rpcMethod": "speak"}
    assert item["logs"][1]["message"] == ["hello 7"]


def test_logging_gets_what_guests_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "facetbox.guest")
    with facetbox.open(on_tail=facetbox.log_guests) as runtime:
        stub = noisy(runtime)
        stub.speak()
        with pytest.raises(facetbox.GuestError):
            stub.fail()
    # Closing has delivered everything.
    lines = [(record.levelname, record.getMessage().split("\n")[0]) for record in caplog.records]
    assert lines == [
        ("DEBUG", "Noisy/it: quiet"),
        ("INFO", "Noisy/it: hello 7"),
        ("WARNING", "Noisy/it: careful"),
        ("ERROR", "Noisy/it: uncaught RangeError: too far"),
    ]
    assert caplog.records[0].name == "facetbox.guest"
    assert isinstance(caplog.records[0].__dict__["tail_event"], TailEvent)
