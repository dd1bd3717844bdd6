"""Forks, and the end of the process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import facetbox
import pytest
from conftest import Script
from facetbox import DurableObject

HEAD = """
import facetbox, gc, os, sys, threading, time
from facetbox import DurableObject, WorkerCode

class Thing(DurableObject):
    def put(self, value):
        self.ctx.storage.kv.put("value", value)
    def get(self):
        return self.ctx.storage.kv.get("value")
    def hold(self):
        print("held", flush=True)
        self.env.HELD.wait()

runtime = facetbox.open(sys.argv[1])
things = runtime.namespace("Thing", Thing)
stub = things.get_by_name("it")
stub.put(1)
"""


class Thing(DurableObject):
    def get(self) -> object:
        return self.ctx.storage.kv.get("value")


def stored(path: Path) -> object:
    """What is stored, read by another runtime once the first is gone."""
    with facetbox.open(path) as runtime:
        return runtime.namespace("Thing", Thing).get_by_name("it").get()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_directory_is_free_after_close_although_a_child_lives(
    script: Script, tmp_path: Path
) -> None:
    done = script(
        HEAD
        + """
begin, end = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(end)
    os.read(begin, 1)
    os._exit(0)
runtime.close()
with facetbox.open(sys.argv[1]) as runtime:
    assert runtime.namespace("Thing", Thing).get_by_name("it").get() == 1
os.close(end)
os.waitpid(pid, 0)
print("done")
""",
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_gets_an_error_and_the_parent_goes_on(script: Script, tmp_path: Path) -> None:
    done = script(
        HEAD
        + """
pid = os.fork()
if pid == 0:
    attempts = [
        stub.get,
        lambda: things.get_by_name("other").get(),
        lambda: runtime.namespace("B", Thing),
        lambda: runtime.get_namespace("Thing"),
    ]
    for attempt in attempts:
        try:
            attempt()
        except facetbox.ForkedError as error:
            print(error.code, flush=True)
    with facetbox.open() as own:
        own.namespace("A", Thing).get_by_name("it").put(1)
    runtime.close()
    sys.exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
stub.put(stub.get() + 1)
""",
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "FORKED\n" * 4, "")
    assert stored(tmp_path) == 2


def test_the_interpreter_ends_with_a_runtime_that_is_open(script: Script, tmp_path: Path) -> None:
    done = script(HEAD, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(tmp_path) == 1


def test_it_ends_while_a_thread_waits_for_an_object(script: Script, tmp_path: Path) -> None:
    done = script(
        HEAD
        + """
class Wait(DurableObject):
    def hold(self):
        entered.set()
        threading.Event().wait()
    def ping(self):
        pass

entered = threading.Event()
waits = runtime.namespace("Wait", Wait).get_by_name("it")
threading.Thread(target=waits.hold, daemon=True).start()
entered.wait()
for _ in range(4):
    threading.Thread(target=waits.ping, daemon=True).start()
""",
        tmp_path,
    )
    assert done.returncode == 0
    assert stored(tmp_path) == 1


def test_it_ends_while_guests_run(script: Script, tmp_path: Path) -> None:
    done = script(
        HEAD
        + """
source = '''
local App = DurableObject:extend("App")
function App:loop()
    self.env.ENTERED()
    while true do end
end
return { App = App }
'''
entered = threading.Semaphore(0)
code = WorkerCode("m.luau", {"m.luau": source}, env={"ENTERED": entered.release})
loops = runtime.namespace("Loop", runtime.loader().load(code).get_durable_object_class("App"))
for n in range(4):
    threading.Thread(target=loops.get_by_name(str(n)).loop, daemon=True).start()
for n in range(4):
    entered.acquire()
""",
        tmp_path,
    )
    assert done.returncode == 0
    assert stored(tmp_path) == 1


def test_a_runtime_that_nothing_refers_to_is_closed(script: Script, tmp_path: Path) -> None:
    done = script(
        HEAD
        + """
del runtime, things, stub
gc.collect()
for _ in range(1000):
    try:
        facetbox.open(sys.argv[1]).close()
        break
    except facetbox.InUseError:
        time.sleep(0.01)
else:
    sys.exit("still open")
""",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_handles_that_outlive_everything_do_no_harm(script: Script, tmp_path: Path) -> None:
    done = script(
        HEAD
        + """
class Late:
    def __init__(self, *handles):
        self.handles = handles
    def __del__(self):
        try:
            self.handles[0].get()
        except facetbox.ClosedError:
            pass
sys.late = Late(stub, things, runtime)
""",
        tmp_path,
    )
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT")
def test_ctrl_c_ends_a_program_that_waits(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background

class Busy(DurableObject):
    def hold(self):
        held.set()
        threading.Event().wait(60)

held = threading.Event()
busy = runtime.namespace("Busy", Busy).get_by_name("it")
threading.Thread(target=busy.hold, daemon=True).start()
held.wait()
print("waiting", flush=True)
busy.hold()  # waits for its turn
"""
    )
    command = [sys.executable, "-c", source, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors
