"""facetbox.aio: alarms, work that outlives its event, tail events."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import facetbox
import pytest
from aio_support import guest, on_loop
from facetbox import AlarmInfo, ManualClock, aio


@on_loop
async def test_alarms_run_on_the_loop() -> None:
    clock = ManualClock(1_000)
    here = threading.current_thread()

    class Alarmed(aio.DurableObject):
        async def set(self) -> int | None:
            await self.ctx.storage.set_alarm(2_000)
            return await self.ctx.storage.get_alarm()

        async def alarm(self, info: AlarmInfo) -> None:
            await asyncio.sleep(0)
            assert threading.current_thread() is here
            self.ctx.storage.kv.put("fired", info.scheduled_time)

        async def fired(self) -> object:
            return self.ctx.storage.kv.get("fired")

    async with aio.open(clock=clock, alarms="manual") as runtime:
        stub = runtime.namespace("Alarmed", Alarmed).get_by_name("it")
        assert await stub.set() == 2_000
        assert await runtime.run_due_alarms() == 0
        clock.advance(1)
        assert await runtime.run_due_alarms() == 1
        assert await stub.fired() == 2_000


@on_loop
async def test_a_due_alarm_starts_its_facet(tmp_path: Path) -> None:
    class Child(aio.DurableObject):
        async def set(self) -> None:
            await self.ctx.storage.set_alarm(2_000)

        async def alarm(self, info: AlarmInfo) -> None:
            fired.append(info.scheduled_time)

    class Parent(aio.DurableObject):
        async def set(self) -> None:
            await (await self.start_facet("child")).set()

        async def start_facet(self, name: str) -> aio.Stub:
            return self.ctx.facets.get(name, lambda: Child)

        async def refuse(self) -> None:
            await self.ctx.storage.set_alarm(2_000)

    fired: list[int] = []
    clock = ManualClock(1_000)
    async with aio.open(tmp_path, clock=clock, alarms="manual") as runtime:
        parent = runtime.namespace("Parent", Parent).get_by_name("it")
        await parent.set()
        with pytest.raises(facetbox.UnsupportedError, match="handler"):
            await parent.refuse()
    clock.advance(1)
    async with aio.open(tmp_path, clock=clock, alarms="manual") as runtime:
        runtime.namespace("Parent", Parent)
        assert await runtime.run_due_alarms() == 1
    assert fired == [2_000]


@on_loop
async def test_wait_until_outlives_its_event(caplog: pytest.LogCaptureFixture) -> None:
    went_on = asyncio.Event()

    class Later(aio.DurableObject):
        async def go(self) -> None:
            async def work() -> None:
                await asyncio.sleep(0)
                went_on.set()
                raise LookupError("too late")

            self.ctx.wait_until(work())

    async with aio.open() as runtime:
        await runtime.namespace("Later", Later).get_by_name("it").go()
        await went_on.wait()
        await asyncio.sleep(0)
    assert "wait_until() has failed" in caplog.text


@on_loop
async def test_tail_events_come_to_the_loop() -> None:
    came: asyncio.Queue[facetbox.TailEvent] = asyncio.Queue()
    async with aio.open(on_tail=came.put) as runtime:
        await guest(runtime).echo(1)
        event = await came.get()
    assert (event.event.kind, event.event.method, event.path) == ("rpc", "echo", "App/it")
