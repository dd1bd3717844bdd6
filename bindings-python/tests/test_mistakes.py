"""What everybody gets wrong once: refused at once, with what was given, or told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import facetbox
import pytest
from aio_support import on_loop
from facetbox import (
    AlarmInfo,
    DurableObject,
    FacetOptions,
    InvalidArgument,
    ManualClock,
    Request,
    Response,
    Runtime,
    WorkerCode,
    aio,
)


def test_arguments_of_a_wrong_kind_are_named(runtime: Runtime) -> None:
    wrong: Any = 5
    with pytest.raises(InvalidArgument, match=r"^on_tail must be callable or None, got 5\.$"):
        facetbox.open(on_tail=wrong)
    with pytest.raises(InvalidArgument, match=r"^asgi\(\) takes a stub, a deployment or a fun.*5\.$"):
        facetbox.asgi(wrong)
    text: Any = "return {}"
    with pytest.raises(InvalidArgument, match=r"^modules must map names to sources, got 'return {}'"):
        runtime.loader().load(WorkerCode("a.luau", text))
    limits: Any = {"cpu_ms": "much"}
    with pytest.raises(InvalidArgument, match=r"'cpu_ms' must be a whole number .*, got string\.$"):
        runtime.namespace("wrong", DurableObject, limits=limits)
    assert repr(runtime) == 'Runtime(":memory:")'


def test_a_start_callback_that_forgets_its_return_is_told(runtime: Runtime) -> None:
    class Parent(DurableObject):
        def run(self, answer: object) -> None:
            start: Any = lambda: answer
            self.ctx.facets.get("app", start).call("x")

    parent = runtime.namespace("Parent", Parent)
    with pytest.raises(InvalidArgument, match="start callback must return FacetOptions.*got None"):
        parent.get_by_name("a").run(None)
    with pytest.raises(InvalidArgument, match="a class, got 'App'"):
        parent.get_by_name("b").run("App")


def test_an_alarm_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(DurableObject):
        def set(self) -> None:
            self.ctx.storage.set_alarm(2_000)

        def alarm(self, info: AlarmInfo) -> None:
            raise LookupError("not today")

    clock = ManualClock(1_000)
    with facetbox.open(clock=clock, alarms="manual") as runtime:
        runtime.namespace("Failing", Failing).get_by_name("a").set()
        clock.advance(1)
        runtime.run_due_alarms()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("facetbox", logging.ERROR)
    assert record.getMessage() == "an alarm's handler has failed"
    assert record.exc_info is not None and isinstance(record.exc_info[1], LookupError)


@on_loop
async def test_an_alarm_that_fails_on_a_loop_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(aio.DurableObject):
        async def set(self) -> None:
            await self.ctx.storage.set_alarm(2_000)

        async def alarm(self, info: AlarmInfo) -> None:
            raise LookupError("not today")

    clock = ManualClock(1_000)
    async with aio.open(clock=clock, alarms="manual") as runtime:
        await runtime.namespace("Failing", Failing).get_by_name("a").set()
        clock.advance(1)
        await runtime.run_due_alarms()
    (record,) = caplog.records
    assert record.exc_info is not None and isinstance(record.exc_info[1], LookupError)


@on_loop
async def test_what_programs_of_asyncio_pass_has_a_type() -> None:
    """A function that answers `fetch()`, a class of a facet, and calls as tasks: mypy looks at this, too."""

    class Child(aio.DurableObject):
        async def twice(self, number: int) -> int:
            return 2 * number

    class Parent(aio.DurableObject):
        async def page(self) -> object:
            worker = self.env.LOADER.load(
                WorkerCode("app.luau", {"app.luau": PAGE}, global_outbound=self.outbound)
            )
            options = FacetOptions(worker.get_durable_object_class("App"))
            return await self.ctx.facets.get("app", lambda: options).page()

        async def outbound(self, request: Request) -> Response:
            return Response(f"page of {request.url}")

        async def twice(self, number: int) -> object:
            return await self.ctx.facets.get("child", lambda: FacetOptions(Child)).twice(number)

        async def forgetful(self) -> object:
            lost = self.twice(1)
            lost.close()
            return lost

    async with aio.open() as runtime:
        parent = runtime.namespace("Parent", Parent).get_by_name("a")
        calls = [asyncio.create_task(parent.page()), asyncio.create_task(parent.twice(2))]
        assert await asyncio.gather(*calls) == ["page of https://a/", 4]
        with pytest.raises(facetbox.ValueError, match="a coroutine that nobody has awaited"):
            await parent.forgetful()


@on_loop
async def test_a_runtime_that_nobody_has_awaited_is_told() -> None:
    opening: Any = aio.open()
    with pytest.raises(AttributeError, match="has no 'namespace' before it is awaited"):
        opening.namespace("Name", aio.DurableObject)
    with pytest.raises(AttributeError, match="has no attribute 'name_space'"):
        opening.name_space()
    with pytest.warns(RuntimeWarning, match="aio.open\\(\\) was never awaited"):
        del opening
    runtime = await aio.open()
    await runtime.close()


@on_loop
async def test_what_a_transaction_of_a_loop_runs_at_once_is_not_async() -> None:
    class Parent(aio.DurableObject):
        def run(self) -> None:
            body: Any = self._write
            self.ctx.storage.transaction_sync(body)

        async def _write(self) -> None:
            self.ctx.storage.kv.put("a", 1)

    async with aio.open() as runtime:
        with pytest.raises(InvalidArgument, match="must not be async.*that is for transaction"):
            await runtime.namespace("Parent", Parent).get_by_name("a").run()


PAGE = """
local App = DurableObject:extend("App")
function App:page() return fetch("https://a/"):text() end
return { App = App }
"""
