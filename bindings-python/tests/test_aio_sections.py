"""facetbox.aio: transactions and sections that keep other events out."""

from __future__ import annotations

import asyncio

import facetbox
import pytest
from aio_support import on_loop
from facetbox import Limits, aio


@on_loop
async def test_transactions_wait_and_are_undone_as_a_whole() -> None:
    class Bank(aio.DurableObject):
        async def move(self, fail: bool) -> str:
            return await self.ctx.storage.transaction(lambda: self._move(fail))

        async def _move(self, fail: bool) -> str:
            kv = self.ctx.storage.kv
            kv.put("a", kv.get("a", 0) - 1)
            await asyncio.sleep(0)
            kv.put("b", kv.get("b", 0) + 1)
            if fail:
                raise LookupError("undone")
            return "moved"

        async def nested(self) -> None:
            async def outer() -> None:
                with pytest.raises(LookupError):
                    await self.move(True)
                await self.move(False)

            await self.ctx.storage.transaction(outer)

        async def through(self) -> object:
            async def work() -> object:
                return await other.back()

            return await self.ctx.storage.transaction(work)

        async def both(self) -> list[object]:
            return [self.ctx.storage.kv.get("a"), self.ctx.storage.kv.get("b")]

    class Other(aio.DurableObject):
        async def back(self) -> object:
            return await banks.get_by_name("it").both()

    async with aio.open() as runtime:
        banks = runtime.namespace("Bank", Bank)
        other = runtime.namespace("Other", Other).get_by_name("it")
        stub = banks.get_by_name("it")
        assert await stub.move(False) == "moved"
        with pytest.raises(LookupError, match="undone"):
            await stub.move(True)
        assert await stub.both() == [-1, 1]
        await asyncio.gather(*(stub.move(False) for _ in range(5)))
        assert await stub.both() == [-6, 6]
        await stub.nested()
        assert await stub.through() == [-7, 7]


@on_loop
async def test_sections_have_the_limits_of_the_core_and_let_calls_come_back() -> None:
    class Deep(aio.DurableObject):
        async def nest(self, depth: int) -> object:
            if depth == 0:
                return "bottom"
            return await self.ctx.block_concurrency_while(lambda: self.nest(depth - 1))

        async def hang(self) -> None:
            await self.ctx.block_concurrency_while(lambda: asyncio.sleep(3600))

        async def through(self) -> object:
            return await self.ctx.block_concurrency_while(lambda: objects.get_by_name("other").back())

        async def back(self) -> object:
            return await objects.get_by_name("a").nest(0)

    async with aio.open() as runtime:
        objects = runtime.namespace("Deep", Deep)
        assert await objects.get_by_name("a").nest(64) == "bottom"
        assert await objects.get_by_name("a").through() == "bottom"
        with pytest.raises(facetbox.LimitError, match="nested too deeply"):
            await objects.get_by_name("b").nest(65)
    async with aio.open(limits=Limits(block_ms=50)) as runtime:
        objects = runtime.namespace("Deep", Deep)
        with pytest.raises(facetbox.LimitError, match="waited for too long"):
            await objects.get_by_name("c").hang()
        assert await objects.get_by_name("c").nest(0) == "bottom"


@on_loop
async def test_a_constructor_may_wait_and_sections_keep_others_out() -> None:
    began = asyncio.Event()

    class Careful(aio.DurableObject):
        def __init__(self, ctx: aio.Ctx, env: aio.Env) -> None:
            self.log: list[str] = []
            ctx.block_concurrency_while(self._load)

        async def _load(self) -> None:
            await asyncio.sleep(0.01)
            self.log.append("loaded")

        async def section(self) -> list[str]:
            return await self.ctx.block_concurrency_while(self._slow)

        async def _slow(self) -> list[str]:
            self.log.append("begin")
            began.set()
            await asyncio.sleep(0.05)
            self.log.append("end")
            return list(self.log)

        async def note(self) -> None:
            self.log.append("note")

        async def fail(self) -> None:
            async def work() -> None:
                raise LookupError("broken")

            await self.ctx.block_concurrency_while(work)

        async def get_log(self) -> list[str]:
            return self.log

    async with aio.open() as runtime:
        careful = runtime.namespace("Careful", Careful)
        stub = careful.get_by_name("it")
        section = asyncio.ensure_future(stub.section())
        await began.wait()
        await stub.note()
        assert await section == ["loaded", "begin", "end"]
        assert await stub.get_log() == ["loaded", "begin", "end", "note"]
        with pytest.raises(LookupError, match="broken"):
            await stub.fail()
        with pytest.raises(LookupError, match="broken"):
            await stub.note()
        assert await careful.get_by_name("it").get_log() == ["loaded"]
