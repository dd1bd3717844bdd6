"""facetbox.aio: calls as coroutines, and supervisors on the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import facetbox
import pytest
from aio_support import Supervisor, guest, guest_code, on_loop
from facetbox import Limits, WorkerCode, aio


@on_loop
async def test_the_main_job(tmp_path: Path) -> None:
    for count in (1, 3):
        async with aio.open(tmp_path) as runtime:
            app = runtime.namespace("Supervisor", Supervisor).get_by_name("my-app")
            for n in (count, count + 1):
                response = await app.fetch("http://app/")
                assert response.text() == f"You've made {n} requests.\n"
            assert await app.names() == ["my-app", ["app"], True]


@on_loop
async def test_values_errors_and_plain_methods() -> None:
    async with aio.open() as runtime:
        stub = runtime.namespace("Supervisor", Supervisor).get_by_name("it")
        value = [None, 1, "text", b"bytes", {"a": [2**70]}, {1, 2}]
        assert await stub.call_app("echo", value) == value
        assert await stub.plain(value) == value
        with pytest.raises(LookupError, match="nothing there"):
            await stub.fail()
        with pytest.raises(facetbox.NotFoundError, match="does not implement the method"):
            await stub.missing()
        with pytest.raises(facetbox.NotFoundError):
            await stub.call("_app")


@on_loop
async def test_functions_and_objects_run_on_the_loop() -> None:
    here = threading.current_thread()

    async def ask(text: str) -> str:
        await asyncio.sleep(0)
        assert threading.current_thread() is here
        return text.upper()

    class Tools:
        def upper(self, text: str) -> str:
            assert threading.current_thread() is here
            return text.upper()

    source = """
    local App = DurableObject:extend("App")
    function App:both(text) return self.env.ASK(text) .. self.env.TOOLS:upper(text) end
    return { App = App }
    """
    code = WorkerCode("a.luau", {"a.luau": source}, env={"ASK": ask, "TOOLS": Tools()})
    async with aio.open() as runtime:
        cls = runtime.loader().load(code).get_durable_object_class("App")
        assert await runtime.namespace("App", cls).get_by_name("it").both("x") == "XX"


@on_loop
async def test_the_loop_goes_on_while_a_guest_computes() -> None:
    async with aio.open(limits=Limits(cpu_ms=300)) as runtime:
        task = asyncio.ensure_future(guest(runtime).forever())
        turns = 0
        while not task.done():
            turns += 1
            await asyncio.sleep(0.005)
        assert turns > 10
        with pytest.raises(facetbox.LimitError):
            await task


@on_loop
async def test_cancelling_a_task_cancels_the_guest_behind_a_supervisor() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    class Waiting(Supervisor):
        async def _load(self) -> WorkerCode:
            return guest_code(WAIT=wait)

    async with aio.open() as runtime:
        stub = runtime.namespace("Waiting", Waiting).get_by_name("it")
        task = asyncio.ensure_future(stub.call_app("wait"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await cancelled.wait()
        assert await stub.call_app("echo", 1) == 1


@on_loop
async def test_calls_of_one_stub_arrive_in_order() -> None:
    async with aio.open(threads=4) as runtime:
        stub = guest(runtime)
        answers = await asyncio.gather(*(stub.append(letter) for letter in "abcdefghij"))
        assert answers == ["abcdefghij"[: n + 1] for n in range(10)]


@on_loop
async def test_methods_interleave_where_they_await() -> None:
    class Meeting(aio.DurableObject):
        def __init__(self, ctx: aio.Ctx, env: aio.Env) -> None:
            self.met = asyncio.Event()

        async def wait(self) -> str:
            await self.met.wait()
            return "met"

        async def meet(self) -> None:
            self.met.set()

    async with aio.open() as runtime:
        stub = runtime.namespace("Meeting", Meeting).get_by_name("it")
        waiting = asyncio.ensure_future(stub.wait())
        await stub.meet()
        assert await waiting == "met"


@on_loop
async def test_blocking_supervisors_run_beside() -> None:
    class Blocking(facetbox.DurableObject):
        def thread(self) -> str:
            return threading.current_thread().name

    async with aio.open() as runtime:
        stub = runtime.namespace("Blocking", Blocking).get_by_name("it")
        assert await stub.thread() != threading.current_thread().name
    with facetbox.open() as native, pytest.raises(facetbox.InvalidArgument, match="facetbox.aio"):
        native.namespace("Supervisor", Supervisor)  # type: ignore[arg-type]


@on_loop
async def test_handles_travel() -> None:
    class Giver(aio.DurableObject):
        async def use(self, stub: aio.Stub) -> object:
            assert isinstance(stub, aio.Stub)
            return await stub.plain("through")

    async with aio.open() as runtime:
        target = runtime.namespace("Supervisor", Supervisor).get_by_name("it")
        assert await runtime.namespace("Giver", Giver).get_by_name("it").use(target) == "through"
        echoed = await guest(runtime).echo(target)
        assert isinstance(echoed, aio.Stub) and await echoed.plain(1) == 1


@on_loop
async def test_deployments() -> None:
    source = """
    import { DurableObject } from "cloudflare:workers";
    export class Room extends DurableObject {
      async visit() {
        const n = ((await this.ctx.storage.get("n")) ?? 0) + 1;
        await this.ctx.storage.put("n", n);
        return n;
      }
    }
    export default {
      async fetch(request, env, ctx) {
        return new Response(`visit ${await ctx.exports.Room.getByName("a").visit()} ${env.GREETING}`);
      },
    };
    """
    async with aio.open() as runtime:
        code = WorkerCode("m.js", {"m.js": source})
        site = await runtime.deploy("site", code, {"GREETING": "hello"})
        assert (site.name, site.class_names) == ("site", ["Room"])
        assert (await site.fetch("http://site/")).text() == "visit 1 hello"
        assert await site.namespace("Room").get_by_name("a").visit() == 2
        with pytest.raises(facetbox.LoadError):
            await runtime.deploy("site", WorkerCode("m.js", {"m.js": "export {"}))


@on_loop
async def test_calls_without_end_end_at_the_depth_limit() -> None:
    async with aio.open() as runtime:
        calls: list[int] = []

        async def back(text: str) -> Any:
            calls.append(1)
            await asyncio.sleep(0)
            return await stub.ask(text)

        worker = runtime.loader().load(guest_code(ASK=back))
        stub = runtime.namespace("guests", worker.get_durable_object_class("App")).get_by_name("it")
        with pytest.raises(facetbox.Error) as caught:
            await stub.ask("again")
        assert caught.value.code == "LIMIT_DEPTH" and 49 <= len(calls) <= 100

        class Chain(aio.DurableObject):
            async def down(self, n: int) -> Any:
                await asyncio.sleep(0)
                return await runtime.get_namespace("chain").get_by_name(str(n)).down(n + 1)

        with pytest.raises(facetbox.Error) as caught:
            await runtime.namespace("chain", Chain).get_by_name("first").down(0)
        assert caught.value.code == "LIMIT_DEPTH"


@on_loop
async def test_calls_in_a_row_let_others_have_the_loop() -> None:
    """Answers that come soon are taken at once, but only so many before the loop comes round."""
    async with aio.open(None) as runtime:
        stub = guest(runtime)
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def call() -> int:
            before = turns
            for number in range(300):
                assert await stub.echo(number) == number
            return turns - before

        turning = asyncio.create_task(turn())
        assert await call() >= 30
        turning.cancel()


@on_loop
async def test_answers_that_come_together_reach_their_calls() -> None:
    async with aio.open(None) as runtime:
        stub = guest(runtime)
        for count in [1, 2, 1, 1, 7, 1, 30]:
            for _ in range(20):
                echoes = [stub.echo(number) for number in range(count)]
                assert await asyncio.gather(*echoes) == list(range(count))


class Turns:
    """Counts how often the loop comes round."""

    now = 0

    async def of(self, work: Coroutine[Any, Any, None]) -> None:
        """Counts while ``work`` goes on. At first the loop is held up, until all that it makes is there."""
        working = asyncio.create_task(work)
        await asyncio.sleep(0)
        counting = asyncio.create_task(self._count())
        await asyncio.sleep(0)
        time.sleep(0.5)
        await working
        counting.cancel()

    async def _count(self) -> None:
        while True:
            self.now += 1
            await asyncio.sleep(0)


@on_loop
async def test_calls_of_a_guest_that_come_together_let_others_have_the_loop() -> None:
    flood = """
        import { DurableObject } from "cloudflare:workers";
        export class App extends DurableObject {
            async flood() {
                await Promise.all(Array.from({ length: 900 }, (_, i) => this.env.NOTE(i)));
            }
        }"""
    turns = Turns()
    notes: list[tuple[int, int]] = []

    def note(number: int) -> None:
        notes.append((number, turns.now))

    async with aio.open(None) as runtime:
        code = WorkerCode("app.js", {"app.js": flood}, env={"NOTE": note})
        cls = runtime.loader().load(code).get_durable_object_class("App")
        stub = runtime.namespace("App", cls).get_by_name("it")
        await stub.flood()
        notes.clear()
        await turns.of(stub.flood())
        assert [number for number, _ in notes] == list(range(900))
        most = max(Counter(turn for _, turn in notes).values())
        assert most <= 100, f"{most} of 900 calls within one turn of the loop"


@on_loop
async def test_answers_that_come_together_let_others_have_the_loop() -> None:
    turns = Turns()
    answered: list[int] = []
    async with aio.open(None) as runtime:
        stubs = [guest(runtime, f"App{n}") for n in range(10)]
        await asyncio.gather(*(stub.echo(0) for stub in stubs))

        async def call(number: int) -> None:
            assert await stubs[number % 10].echo(number) == number
            answered.append(turns.now)

        async def calls() -> None:
            await asyncio.gather(*(call(number) for number in range(900)))

        await turns.of(calls())
        most = max(Counter(answered).values())
        assert most <= 100, f"{most} of 900 answers within one turn of the loop"
