"""facetbox.aio: whole objects, and the ends of loops and runtimes."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from pathlib import Path
from typing import Any, cast

import facetbox
import pytest
from aio_support import Supervisor, guest, on_loop
from facetbox import aio


@on_loop
async def test_whole_objects(tmp_path: Path) -> None:
    async with aio.open(tmp_path / "data") as runtime:
        things = runtime.namespace("Supervisor", Supervisor)
        id = things.id_from_name("it")
        stub = things.get(id)
        assert not await stub.exists()
        await stub.put(7)
        assert await stub.exists() and await things.exists(id)
        assert [info.name async for info in things] == ["it"] == [i.name for i in await things.list()]
        assert (await stub.usage()).storage_bytes > 0
        assert (await things.usage(id)).facets == 0
        await things.export(id, tmp_path / "copy")
        await things.import_(things.id_from_name("other"), tmp_path / "copy")
        assert await things.get_by_name("other").get() == 7
        await things.delete(id)
        assert not await things.exists(id)
        assert (await runtime.verify()).problems == []


@on_loop
async def test_cancelling_ends_an_export_and_a_query_that_wait(tmp_path: Path) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    class Busy(aio.DurableObject):
        async def hold(self) -> None:
            self.ctx.storage.kv.put("a", 1)
            await self.ctx.block_concurrency_while(self._section)

        async def _section(self) -> None:
            held.set()
            await release.wait()

    async with aio.open(tmp_path / "data") as runtime:
        things = runtime.namespace("Busy", Busy)
        id, copy = things.id_from_name("it"), tmp_path / "copy"
        holding = asyncio.ensure_future(things.get(id).hold())
        await held.wait()
        for waits in (things.query(id, "SELECT 1"), things.export(id, copy)):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(waits, 0.05)
        assert not copy.exists()
        release.set()
        await holding
        assert (await things.query(id, "SELECT value FROM _fb_kv")).rows == [[1]]


def test_a_closed_loop_gives_an_error_and_no_hang() -> None:
    runtime, stub = asyncio.run(_open_and_leave())

    async def later() -> None:
        with pytest.raises(facetbox.ClosedError, match="event loop"):
            await asyncio.wait_for(stub.get(), 10)
        # A guest belongs to no loop.
        assert await guest(runtime, "Guest").echo(1) == 1
        await runtime.close()

    asyncio.run(later())


async def _open_and_leave() -> tuple[aio.Runtime, aio.Stub]:
    runtime = await aio.open()
    stub = runtime.namespace("Supervisor", Supervisor).get_by_name("it")
    await stub.put(1)
    return runtime, stub


def test_a_loop_that_is_closed_while_a_method_waits_gives_an_error() -> None:
    loop = asyncio.new_event_loop()
    with facetbox.open() as native:
        runtime = aio.Runtime(native)
        entered = threading.Event()

        class Stuck(aio.DurableObject):
            async def stay(self) -> None:
                entered.set()
                await asyncio.sleep(3600)

        async def bind() -> aio.Namespace:
            return runtime.namespace("Stuck", Stuck)

        stub = loop.run_until_complete(bind()).get_by_name("it")
        answers: list[BaseException] = []

        def call() -> None:
            try:
                native.get_namespace("Stuck").get_by_name("it").call("stay")
            except facetbox.Error as error:
                answers.append(error)

        caller = threading.Thread(target=call)
        caller.start()

        async def until_entered() -> None:
            while not entered.is_set():
                await asyncio.sleep(0.001)

        loop.run_until_complete(until_entered())
        loop.close()
        del stub
        gc.collect()
        caller.join(20)
        assert not caller.is_alive()
        assert isinstance(answers[0], facetbox.ClosedError)


@on_loop
async def test_closing_ends_calls_that_wait() -> None:
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.sleep(60)

    runtime = await aio.open()
    task = asyncio.ensure_future(guest(runtime, WAIT=wait).wait())
    await started.wait()
    await runtime.close()
    with pytest.raises(facetbox.ClosedError):
        await task
    with pytest.raises(facetbox.ClosedError):
        await guest_call_after_close(runtime)


async def guest_call_after_close(runtime: aio.Runtime) -> None:
    runtime.namespace("Late", Supervisor)


@pytest.mark.filterwarnings("error")
@on_loop
async def test_a_task_that_is_cancelled_before_it_begins_closes_its_coroutine() -> None:
    from facetbox.aio import _host

    async def method() -> None:
        raise AssertionError("it begins")

    answer = method()
    task = asyncio.ensure_future(_host._finish(cast(Any, None), answer))
    _host.cancel(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inspect.getcoroutinestate(answer) == inspect.CORO_CLOSED


@on_loop
async def test_failures_that_nobody_waits_for_any_more_are_not_logged() -> None:
    logged: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: logged.append(context))

    class Blocks(aio.DurableObject):
        async def leave(self) -> None:
            async def fail() -> None:
                self.ctx.abort("no")

            self.ctx.block_concurrency_while(fail)
            await asyncio.sleep(0)
            # These wait for the end of that, and are cancelled before they have begun to.
            for _ in range(4):
                self.ctx.block_concurrency_while(fail).cancel()
            await asyncio.sleep(60)

    async with aio.open() as runtime:
        objects = runtime.namespace("Blocks", Blocks)
        for turn in range(8):
            with pytest.raises(facetbox.AbortedError):
                await objects.get_by_name(f"{turn}").leave()
        await asyncio.sleep(0.02)
        gc.collect()
    assert logged == []
