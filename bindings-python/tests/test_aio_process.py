"""Loops at the end of the process, after a fork, and of another make."""

from __future__ import annotations

import asyncio
import sys

import facetbox
import pytest
from conftest import Script
from facetbox import aio

HEAD = """
import asyncio, os, sys, threading
import facetbox
from facetbox import WorkerCode, aio

class Thing(aio.DurableObject):
    async def get(self):
        await asyncio.sleep(0)
        return 7
    inside = asyncio.Event()
    async def stay(self):
        self.inside.set()
        await asyncio.sleep(3600)

LOOP = '''
local App = DurableObject:extend("App")
function App:forever() while true do end end
return { App = App }
'''
"""


def test_the_process_ends_with_everything_open_and_running(script: Script) -> None:
    done = script(
        HEAD
        + """
async def main():
    global runtime, stub
    runtime = await aio.open()
    things = runtime.namespace("Thing", Thing)
    stub = things.get_by_name("it")
    asyncio.ensure_future(stub.stay())
    cls = runtime.loader().load(WorkerCode("l.luau", {"l.luau": LOOP})).get_durable_object_class("App")
    guest = runtime.namespace("Guest", cls).get_by_name("it")
    asyncio.ensure_future(guest.forever())
    await things.get_by_name("other").get()
    await Thing.inside.wait()

asyncio.run(main())
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("_again", range(10))
def test_the_process_ends_while_a_loop_stands_still(script: Script, _again: int) -> None:
    # The thread is anywhere between its start and its wait when the interpreter goes.
    done = script(
        HEAD
        + """
loop = asyncio.new_event_loop()

async def main():
    global runtime
    runtime = await aio.open()
    return runtime.namespace("Thing", Thing)

things = loop.run_until_complete(main())
# Nobody runs the loop any more, so this never answers.
native = runtime._native.get_namespace("Thing").get_by_name("it")
threading.Thread(target=lambda: native.call("get"), daemon=True).start()
"""
    )
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_gets_an_error(script: Script) -> None:
    done = script(
        HEAD
        + """
async def call(stub):
    try:
        await asyncio.wait_for(stub.get(), 20)
    except facetbox.ForkedError as error:
        print(error.code, flush=True)

async def main():
    global stub, runtime
    runtime = await aio.open()
    stub = runtime.namespace("Thing", Thing).get_by_name("it")
    assert await stub.get() == 7

asyncio.run(main())
pid = os.fork()
if pid == 0:
    asyncio.run(call(stub))
    os._exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "FORKED\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no uvloop")
def test_it_works_on_uvloop() -> None:
    import uvloop

    class Thing(aio.DurableObject):
        async def add(self, n: int) -> int:
            await asyncio.sleep(0)
            self.ctx.storage.kv.put("n", self.ctx.storage.kv.get("n", 0) + n)
            return int(self.ctx.storage.kv.get("n"))

    async def main() -> list[int]:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        async with aio.open() as runtime:
            stub = runtime.namespace("Thing", Thing).get_by_name("it")
            return list(await asyncio.gather(*(stub.add(1) for _ in range(10))))

    assert sorted(uvloop.run(main())) == list(range(1, 11))


def test_without_a_loop_there_is_an_error_at_once() -> None:
    with facetbox.open() as native:
        with pytest.raises(RuntimeError, match="no running event loop"):
            aio.Runtime(native).namespace("a", aio.DurableObject)
