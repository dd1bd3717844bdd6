"""Host functions that use, while a guest waits for them, what that guest runs on."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import facetbox
import pytest
from conftest import Script
from facetbox import DurableObject, FacetOptions, Namespace, Runtime, WorkerCode

APP = """
local App = DurableObject:extend("App")
function App:go()
    self.ctx.storage.kv:put("n", (self.ctx.storage.kv:get("n") or 0) + 1)
    return self.env.ACT()
end
function App:caught() local ok, e = pcall(self.env.ACT) return if ok then "ok" else e.code end
function App:ping() return "pong" end
return { App = App }
"""

Act = Callable[["Supervisor"], object]


class Supervisor(DurableObject):
    """Forwards to a guest that calls back `act`, which may do anything with the supervisor."""

    act: Act = staticmethod(lambda _: None)

    def go(self) -> object:
        return self.app().go()

    def caught(self) -> object:
        return self.app().caught()

    def ping(self) -> object:
        return self.app().ping()

    def app(self) -> facetbox.Stub:
        return self.ctx.facets.get("app", self._start)

    def _start(self) -> FacetOptions:
        code = WorkerCode("a.luau", {"a.luau": APP}, env={"ACT": lambda: Supervisor.act(self)})
        return FacetOptions(self.env.LOADER.load(code).get_durable_object_class("App"))


@pytest.fixture
def supervisors(runtime: Runtime) -> Iterator[Namespace]:
    yield runtime.namespace("Supervisor", Supervisor)


def acting(monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    monkeypatch.setattr(Supervisor, "act", staticmethod(act))


def test_calls_come_back_into_the_guest_and_its_supervisor(
    supervisors: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting(monkeypatch, lambda me: [me.app().ping(), supervisors.get_by_name("it").ping()])
    assert supervisors.get_by_name("it").go() == ["pong", "pong"]


def test_a_transaction_that_runs_through_calls_nobody_and_one_that_waits_does(
    supervisors: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Act] = [lambda me: me.app().ping(), lambda _: supervisors.get_by_name("other").ping()]
    for other in others:
        acting(monkeypatch, lambda me: me.ctx.storage.transaction_sync(lambda: other(me)))
        assert supervisors.get_by_name("it").caught() == "INVALID_ARGUMENT"
        acting(monkeypatch, lambda me: me.ctx.storage.transaction(lambda: other(me)))
        assert supervisors.get_by_name("it").go() == "pong"


def test_closing_the_runtime_ends_the_call(runtime: Runtime, supervisors: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    acting(monkeypatch, lambda _: runtime.close())
    stub = supervisors.get_by_name("it")
    with pytest.raises(facetbox.ClosedError):
        stub.go()
    with pytest.raises(facetbox.ClosedError):
        stub.ping()


def test_collecting_every_handle_ends_the_call_and_frees_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles: list[object] = [facetbox.open(tmp_path)]
    handles.append(handles[0].namespace("S", Supervisor))  # type: ignore[attr-defined]

    def drop(_: Supervisor) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            handles.clear()
            gc.collect()

    acting(monkeypatch, drop)
    with pytest.raises(facetbox.ClosedError):
        handles[1].get_by_name("it").go()  # type: ignore[attr-defined]
    for _ in range(1_000):
        try:
            facetbox.open(tmp_path).close()
            return
        except facetbox.InUseError:
            gc.collect()
            threading.Event().wait(0.01)
    pytest.fail("still open")


def test_a_thread_that_a_function_starts_calls_on_after_the_event(
    supervisors: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, answers = threading.Event(), []

    def call(app: facetbox.Stub) -> None:
        assert ended.wait(30)
        answers.append(app.ping())

    def act(me: Supervisor) -> None:
        threads.append(threading.Thread(target=call, args=(me.app(),)))
        threads[0].start()

    threads: list[threading.Thread] = []
    acting(monkeypatch, act)
    supervisors.get_by_name("it").go()
    ended.set()
    threads[0].join(30)
    assert answers == ["pong"]


def test_a_thread_that_a_function_waits_for_calls_the_guest_beside_it(
    supervisors: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []

    def act(me: Supervisor) -> None:
        thread = threading.Thread(target=lambda: answers.append(me.app().ping()))
        thread.start()
        thread.join(30)

    acting(monkeypatch, act)
    supervisors.get_by_name("it").go()
    assert answers == ["pong"]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_child_that_is_forked_in_a_function_returns_into_an_error(script: Script) -> None:
    done = script(
        """
import facetbox, os
from facetbox import WorkerCode
SOURCE = '''
local App = DurableObject:extend("App")
function App:go() self.ctx.storage.kv:put("a", 1) return self.env.FORK() end
return { App = App }'''
def fork():
    pid = os.fork()
    return "child" if pid == 0 else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

parent = os.getpid()
runtime = facetbox.open()
code = WorkerCode("a.luau", {"a.luau": SOURCE}, env={"FORK": fork})
app = runtime.namespace("A", runtime.loader().load(code).get_durable_object_class("App")).get_by_name("it")
try:
    answer = app.go()
except facetbox.ForkedError:
    os._exit(7)
assert os.getpid() == parent
print(answer)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


@pytest.mark.parametrize("where", ["function", "supervisor"])
def test_the_interpreter_ends_while_code_of_the_host_runs_for_a_guest(script: Script, where: str) -> None:
    done = script(
        """
import facetbox, sys, threading
from facetbox import DurableObject, FacetOptions, WorkerCode
SOURCE = '''
local App = DurableObject:extend("App")
function App:go() return self.env.STAY() end
return { App = App }'''
entered = threading.Event()
def stay():
    entered.set()
    threading.Event().wait()
class Supervisor(DurableObject):
    def go(self):
        if sys.argv[1] == "supervisor":
            stay()
        return self.ctx.facets.get("app", self.start).go()
    def start(self):
        code = WorkerCode("a.luau", {"a.luau": SOURCE}, env={"STAY": stay})
        return FacetOptions(self.env.LOADER.load(code).get_durable_object_class("App"))
runtime = facetbox.open()
stub = runtime.namespace("S", Supervisor).get_by_name("it")
threading.Thread(target=stub.go, daemon=True).start()
entered.wait()
""",
        where,
    )
    assert (done.returncode, done.stderr) == (0, "")
