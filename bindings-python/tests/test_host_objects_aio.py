"""Functions of the host on an event loop that do odd things while a guest waits for them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import facetbox
import pytest
from aio_support import on_loop
from conftest import CALLER
from facetbox import FacetOptions, WorkerCode, aio

Act = Callable[["Supervisor"], object]


class Supervisor(aio.DurableObject):
    """Has a guest that calls back `act`, which may do anything with the supervisor."""

    act: Act = staticmethod(lambda _: None)

    async def through(self) -> object:
        return await self.app().call("call")

    async def caught(self) -> object:
        return await self.app().caught()

    async def awaited(self) -> object:
        answer = Supervisor.act(self)
        return await answer if isinstance(answer, Awaitable) else answer

    def returned(self) -> object:
        return Supervisor.act(self)

    async def ping(self) -> object:
        return await self.app().ping()

    def app(self) -> aio.Stub:
        return self.ctx.facets.get("app", self._start)

    def _start(self) -> FacetOptions:
        source = f'local App = DurableObject:extend("App")\n{CALLER}\nreturn {{ App = App }}'
        code = WorkerCode("a.luau", {"a.luau": source}, env={"F": lambda: Supervisor.act(self)})
        return FacetOptions(self.env.LOADER.load(code).get_durable_object_class("App"))


@pytest.fixture(autouse=True)
def _act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "act", Supervisor.act)


def acting(act: Act) -> None:
    Supervisor.act = staticmethod(act)


def supervisors(runtime: aio.Runtime) -> aio.Namespace:
    return runtime.namespace("Supervisor", Supervisor)


class Base(BaseException):
    """As those with which test runners and other libraries unwind."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raising(error: BaseException) -> list[Act]:
    def at_once(_: Supervisor) -> object:
        raise error

    async def later(_: Supervisor) -> object:
        await asyncio.sleep(0)
        raise error

    return [at_once, later]


WAYS = ("through", "awaited", "returned")


@on_loop
async def test_exceptions_of_every_kind_come_out_as_themselves() -> None:
    async with aio.open() as runtime:
        stub = supervisors(runtime).get_by_name("it")
        for error in (Base("b"), Unprintable(), StopAsyncIteration(), facetbox.LimitError("x", code="LIMIT_CPU")):
            for act in raising(error):
                acting(act)
                assert (await stub.caught())["ok"] is False
                for way in WAYS:
                    with pytest.raises(type(error)) as caught:
                        await stub.call(way)
                    assert caught.value is error
        assert await stub.ping() == "pong"


@on_loop
async def test_exceptions_that_end_coroutines_are_errors_for_whoever_waits() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # a task that raises GeneratorExit is reported
    expected: list[tuple[BaseException, type[BaseException] | tuple[type[BaseException], ...]]] = [
        (asyncio.CancelledError(), facetbox.AbortedError),
        (GeneratorExit(), (GeneratorExit, facetbox.ClosedError)),
        (StopIteration(5), RuntimeError),
    ]
    async with aio.open() as runtime:
        stub = supervisors(runtime).get_by_name("it")
        for error, kind in expected:
            for act in raising(error):
                acting(act)
                assert (await stub.caught())["ok"] is False
                for way in WAYS:
                    with pytest.raises(kind):
                        await stub.call(way)
        assert await stub.ping() == "pong"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_exceptions_that_end_programs_end_the_loop(error: type[BaseException]) -> None:
    async def main(act: Act) -> None:
        acting(act)
        async with aio.open() as runtime:
            await supervisors(runtime).get_by_name("it").through()

    for act in raising(error()):
        with pytest.raises(error):
            asyncio.run(main(act))


class BadYield:
    def __await__(self) -> Any:
        return iter([1, 2])


class NoIterator:
    def __await__(self) -> Any:
        return 7


class Raising:
    @property
    def __await__(self) -> Any:
        raise Base("from __await__")


@on_loop
async def test_awaitables_that_are_none_are_errors_in_the_guest() -> None:
    other = asyncio.new_event_loop()
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    done.set_result(9)
    try:
        elsewhere = other.create_future()
        async with aio.open() as runtime:
            stub = supervisors(runtime).get_by_name("it")
            for answer in (BadYield(), NoIterator(), Raising(), elsewhere, (n for n in [1]), object()):
                acting(lambda _, answer=answer: answer)  # type: ignore[misc]
                assert (await stub.caught())["ok"] is False, answer
                with pytest.raises(BaseException):
                    await stub.returned()
            acting(lambda _: done)
            assert [await stub.call(way) for way in WAYS] == [9, 9, 9]
    finally:
        other.close()


@on_loop
async def test_an_await_that_nothing_can_end_is_an_error_once_it_is_collected() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # asyncio says that a task was destroyed

    async def never(_: Supervisor) -> None:
        entered.set()
        await loop.create_future()

    entered = asyncio.Event()
    acting(never)
    async with aio.open() as runtime:
        call = asyncio.ensure_future(supervisors(runtime).get_by_name("it").through())
        await entered.wait()
        while not call.done():
            gc.collect()
            await asyncio.sleep(0.001)
        with pytest.raises(facetbox.ClosedError, match="wake it up"):
            await call


@on_loop
async def test_functions_use_what_the_guest_runs_on() -> None:
    async with aio.open() as runtime:
        things = supervisors(runtime)
        it = things.get_by_name("it")
        acts: list[Act] = [
            lambda _: it.ping(),
            lambda me: me.app().ping(),
            lambda me: me.ctx.storage.transaction(lambda: me.app().ping()),
            lambda me: me.ctx.storage.transaction(lambda: it.ping()),
            lambda me: me.ctx.storage.transaction_sync(lambda: asyncio.ensure_future(me.app().ping())),
            lambda me: me.ctx.block_concurrency_while(lambda: me.app().ping()),
            lambda _: asyncio.to_thread(lambda: asyncio.run(_one(it))),
        ]
        for act in acts:
            acting(act)
            assert await it.through() == "pong"
        ends: list[tuple[Act, str]] = [
            (lambda me: me.ctx.facets.abort("app", "stop"), "stop"),
            (lambda me: me.ctx.abort("stop"), "stop"),
            (lambda me: me.ctx.facets.delete("app"), "deleted"),
            (lambda me: me.ctx.storage.delete_all(), "deleted"),
            (lambda _: things.delete(things.id_from_name("it")), "deleted"),
        ]
        for act, reason in ends:
            acting(act)
            with pytest.raises(facetbox.AbortedError, match=reason):
                await things.get_by_name("it").through()
            assert await things.get_by_name("it").ping() == "pong"


async def _one(stub: aio.Stub) -> object:
    return await stub.ping()


@on_loop
async def test_closing_from_a_function_ends_the_call() -> None:
    runtime = await aio.open()
    stub = supervisors(runtime).get_by_name("it")
    acting(lambda _: runtime.close())
    for call in (stub.through, stub.ping):
        with pytest.raises(facetbox.ClosedError):
            await call()


@on_loop
async def test_cancelling_at_any_step_of_the_loop_leaves_the_object_usable() -> None:
    async def slow(_: Supervisor) -> str:
        for _step in range(5):
            await asyncio.sleep(0)
        return "slow"

    acting(slow)
    async with aio.open() as runtime:
        things = supervisors(runtime)
        for way in WAYS:
            for steps in range(40):
                call = asyncio.ensure_future(things.get_by_name("it").call(way))
                for _step in range(steps):
                    await asyncio.sleep(0)
                call.cancel()
                outcome = (await asyncio.gather(call, return_exceptions=True))[0]
                assert outcome == "slow" or isinstance(outcome, asyncio.CancelledError), outcome
            assert await things.get_by_name("it").call(way) == "slow"


@on_loop
async def test_code_that_swallows_its_cancellation_holds_nobody_up() -> None:
    async def stubborn(_: Supervisor) -> None:
        entered.set()
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                cancelled.set()

    entered, cancelled, released = asyncio.Event(), asyncio.Event(), asyncio.Event()
    acting(stubborn)
    async with aio.open() as runtime:
        stub = supervisors(runtime).get_by_name("it")
        call = asyncio.ensure_future(stub.through())
        await entered.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await cancelled.wait()
        assert await stub.ping() == "pong"
        released.set()
