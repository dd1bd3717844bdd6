"""facetbox.aio: what is written is committed before anything leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import facetbox
import pytest
from aio_support import on_loop
from facetbox import FacetOptions, WorkerCode, aio


@on_loop
async def test_what_is_written_is_committed_after_the_turn_of_the_loop(tmp_path: Path) -> None:
    wrote, done = asyncio.Event(), asyncio.Event()

    class Writer(aio.DurableObject):
        async def write(self) -> None:
            self.ctx.storage.kv.put("a", 1)
            self.ctx.storage.kv.put("b", 2)
            wrote.set()
            await done.wait()

        async def abort(self) -> None:
            self.ctx.storage.kv.put("a", 3)
            self.ctx.abort("changed my mind")

        async def sync(self) -> list[object]:
            self.ctx.storage.kv.put("c", 3)
            await self.ctx.storage.sync()
            return [key for key, _ in self.ctx.storage.kv.list()]

    async with aio.open(tmp_path) as runtime:
        writers = runtime.namespace("Writer", Writer)
        writing = asyncio.ensure_future(writers.get_by_name("it").write())
        await wrote.wait()
        with pytest.raises(facetbox.AbortedError, match="changed my mind"):
            await writers.get_by_name("it").abort()
        done.set()
        with pytest.raises(facetbox.AbortedError):
            await writing
        rows = await writers.query(writers.id_from_name("it"), "SELECT key, value FROM _fb_kv")
        assert rows.rows == [["a", 1], ["b", 2]]
        assert await writers.get_by_name("it").sync() == ["a", "b", "c"]


@on_loop
async def test_what_is_written_is_committed_before_a_call_leaves() -> None:
    seen: list[object] = []

    class Witness(aio.DurableObject):
        async def look(self) -> None:
            rows = await callers.query(callers.id_from_name("it"), "SELECT value FROM _fb_kv")
            seen.append(rows.rows)

    class Caller(aio.DurableObject):
        async def go(self) -> None:
            self.ctx.storage.kv.put("a", 1)
            await self.env.WITNESS.look()

    async with aio.open() as runtime:
        witness = runtime.namespace("Witness", Witness).get_by_name("it")
        callers = runtime.namespace("Caller", Caller, env={"WITNESS": witness})
        await callers.get_by_name("it").go()
    assert seen == [[[1]]]


@on_loop
async def test_a_call_whose_commit_fails_is_not_made() -> None:
    told: list[object] = []

    class Witness(aio.DurableObject):
        async def tell(self) -> None:
            told.append(1)

    class Caller(aio.DurableObject):
        async def go(self) -> None:
            sql = self.ctx.storage.sql
            sql.exec("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            sql.exec("CREATE TABLE child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
            sql.exec("INSERT INTO child VALUES (7)")
            await self.env.WITNESS.tell()

    async with aio.open() as runtime:
        witness = runtime.namespace("Witness", Witness).get_by_name("it")
        callers = runtime.namespace("Caller", Caller, env={"WITNESS": witness})
        with pytest.raises(facetbox.Error, match="FOREIGN KEY"):
            await callers.get_by_name("it").go()
    assert told == []


@on_loop
async def test_code_that_outlives_its_event_is_held_to_the_gate_and_keeps_its_instance() -> None:
    go_on = asyncio.Event()
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    made = 0

    class Caller(aio.DurableObject):
        def __init__(self, ctx: aio.Ctx, env: aio.Env) -> None:
            nonlocal made
            made += 1
            self.number = made

        async def go(self) -> int:
            self.ctx.wait_until(self._later())
            return self.number

        async def _later(self) -> None:
            await go_on.wait()
            self.ctx.storage.kv.put("late", 1)
            done.set_result(await self.env.WITNESS.look())

        async def instance(self) -> int:
            return self.number

    class Witness(aio.DurableObject):
        async def look(self) -> object:
            rows = await callers.query(callers.id_from_name("it"), "SELECT value FROM _fb_kv")
            return rows.rows

    async with aio.open(idle_ms=1) as runtime:
        witness = runtime.namespace("Witness", Witness).get_by_name("it")
        callers = runtime.namespace("Caller", Caller, env={"WITNESS": witness})
        number = await callers.get_by_name("it").go()
        other = callers.get_by_name("other")
        first = await other.instance()
        while await other.instance() == first:  # until idle ones have been dropped
            await asyncio.sleep(0.005)
        assert await callers.get_by_name("it").instance() == number
        go_on.set()
        assert await done == [[1]]


@on_loop
async def test_what_a_function_of_the_host_writes_is_committed_before_its_answer_goes_on() -> None:
    source = """
    local App = DurableObject:extend("App")
    function App:go() self.env.NOTE() return self.env.WITNESS:look() end
    return { App = App }
    """

    class Witness(aio.DurableObject):
        async def look(self) -> object:
            rows = await callers.query(callers.id_from_name("it"), "SELECT value FROM _fb_kv")
            return rows.rows

    class Caller(aio.DurableObject):
        async def go(self) -> object:
            return await self.ctx.facets.get("app", self._start).go()

        def _start(self) -> FacetOptions:
            env = {"NOTE": lambda: self.ctx.storage.kv.put("noted", 1), "WITNESS": witness}
            worker = loader.load(WorkerCode("a.luau", {"a.luau": source}, env=env))
            return FacetOptions(worker.get_durable_object_class("App"))

    async with aio.open() as runtime:
        loader = runtime.loader()
        witness = runtime.namespace("Witness", Witness).get_by_name("it")
        callers = runtime.namespace("Caller", Caller)
        assert await callers.get_by_name("it").go() == [[1]]
