"""facetbox.aio: calls as coroutines, and supervisors on the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

import facetbox
import pytest
from facetbox import AlarmInfo, FacetOptions, Limits, ManualClock, Request, Response, WorkerCode, aio

GUEST = """
local App = DurableObject:extend("App")
function App:fetch(request)
    local kv = self.ctx.storage.kv
    local count = (kv:get("counter") or 0) + 1
    kv:put("counter", count)
    return Response.new(`You've made {count} requests.\\n`)
end
function App:echo(value) return value end
function App:ask(text) return self.env.ASK(text) end
function App:forever() while true do end end
function App:wait() self.env.WAIT() end
function App:append(text)
    local kv = self.ctx.storage.kv
    kv:put("log", (kv:get("log") or "") .. text)
    return kv:get("log")
end
return { App = App }
"""


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test that is a coroutine on a loop of its own, for half a minute at most."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


def guest_code(**env: object) -> WorkerCode:
    return WorkerCode("app.luau", {"app.luau": GUEST}, env=env)


def guest(runtime: aio.Runtime, name: str = "App", **env: object) -> aio.Stub:
    cls = runtime.loader().load(guest_code(**env)).get_durable_object_class("App")
    return runtime.namespace(name, cls).get_by_name("it")


class Supervisor(aio.DurableObject):
    """Forwards to a guest, with a start callback that waits."""

    async def fetch(self, request: Request) -> Response:
        return await self._app().fetch(request)

    async def call_app(self, method: str, *args: object) -> object:
        return await self._app().call(method, *args)

    def plain(self, value: object) -> object:
        return value

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise LookupError("nothing there")

    async def put(self, value: object) -> None:
        self.ctx.storage.kv.put("value", value)

    async def get(self) -> object:
        await asyncio.sleep(0)
        return self.ctx.storage.kv.get("value")

    async def names(self) -> list[object]:
        assert isinstance(self.ctx.id, facetbox.ObjectId)
        return [self.ctx.id.name, self.ctx.facets.list(), self.ctx.facets.exists("app")]

    def _app(self) -> aio.Stub:
        return self.ctx.facets.get("app", self._start)

    async def _start(self) -> FacetOptions:
        worker = await self.env.LOADER.get("app", self._load)
        return FacetOptions(worker.get_durable_object_class("App"))

    async def _load(self) -> WorkerCode:
        await asyncio.sleep(0)
        return guest_code()


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
async def test_tail_events_come_to_the_loop() -> None:
    came: asyncio.Queue[facetbox.TailEvent] = asyncio.Queue()
    async with aio.open(on_tail=came.put) as runtime:
        await guest(runtime).echo(1)
        event = await came.get()
    assert (event.event.kind, event.event.method, event.path) == ("rpc", "echo", "App/it")


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
