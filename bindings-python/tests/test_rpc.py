"""Functions and objects that a guest passes by reference, called by the host."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import facetbox
import pytest
from facetbox import RpcStub, Runtime, WorkerCode, aio

GUEST = """
import { DurableObject, RpcTarget } from "cloudflare:workers";

class Counter extends RpcTarget {
  #count = 0;
  add(n) { return this.#count += n; }
}
export class App extends DurableObject {
  log = [];
  sum() { return (a, b) => a + b; }
  counter() { return new Counter(); }
  nested() { return { list: [(n) => n * 2] }; }
  fail() { return () => { throw new RangeError("too far"); }; }
  never() { return () => new Promise(() => {}); }
  record() { return (n) => { this.log.push(n); }; }
  recorded() { return this.log; }
  apply(f, ...args) { return f(...args); }
  watched() { const f = () => 1; this.ref = new WeakRef(f); return f; }
  alive() { return this.ref.deref() !== undefined; }
  async subscribe() { return [await this.env.subscribe((text) => text.toUpperCase()), "done"]; }
  stop() { this.ctx.abort("stopped"); }
}
"""


def code(**env: object) -> WorkerCode:
    return WorkerCode("app.js", {"app.js": GUEST}, env=env)


def app(runtime: Runtime, **env: object) -> facetbox.Stub:
    cls = runtime.loader().load(code(**env)).get_durable_object_class("App")
    return runtime.namespace("App", cls).get_by_name("it")


def test_functions_and_objects_that_a_guest_returns_are_called(runtime: Runtime) -> None:
    stub = app(runtime)
    total, counter = stub.sum(), stub.counter()
    assert isinstance(total, RpcStub) and isinstance(counter, RpcStub)
    assert total(20, 22) == 42
    assert [counter.add(1), counter.add(2)] == [1, 3]
    assert stub.nested()["list"][0](21) == 42
    assert stub.apply(total, 1, 2) == 3
    assert repr(total) == "RpcStub(function)" and repr(counter) == "RpcStub(object)"
    with pytest.raises(facetbox.GuestError, match="RangeError: too far"):
        stub.fail()()
    with pytest.raises(facetbox.NotFoundError, match="fly"):
        counter.fly()
    with pytest.raises(facetbox.InvalidArgument, match="as a function"):
        counter()
    with pytest.raises(AttributeError):
        counter._hidden


def test_a_callback_is_called_while_its_guest_waits_and_later(runtime: Runtime) -> None:
    kept: list[RpcStub] = []

    def subscribe(callback: RpcStub) -> object:
        kept.append(callback)
        return callback("at once")

    stub = app(runtime, subscribe=subscribe)
    assert stub.subscribe() == ["AT ONCE", "done"]
    assert kept[0]("later") == "LATER"
    with pytest.raises(facetbox.AbortedError, match="stopped"):
        stub.stop()
    with pytest.raises(facetbox.AbortedError):
        kept[0]("after")


def test_the_guest_keeps_a_function_until_it_is_forgotten(runtime: Runtime) -> None:
    stub = app(runtime)
    watched = stub.watched()
    assert stub.alive()
    del watched
    gc.collect()
    assert not stub.alive()


def test_closing_ends_them(runtime: Runtime) -> None:
    total = app(runtime).sum()
    runtime.close()
    with pytest.raises(facetbox.ClosedError):
        total(1, 2)


def on_loop(test: Callable[[aio.Runtime], Awaitable[None]]) -> None:
    async def main() -> None:
        async with aio.open() as runtime:
            await asyncio.wait_for(test(runtime), 30)

    asyncio.run(main())


def aio_app(runtime: aio.Runtime, **env: object) -> aio.Stub:
    cls = runtime.loader().load(code(**env)).get_durable_object_class("App")
    return runtime.namespace("App", cls).get_by_name("it")


def test_on_a_loop_their_calls_are_coroutines() -> None:
    async def test(runtime: aio.Runtime) -> None:
        stub = aio_app(runtime)
        total, counter, record = await stub.sum(), await stub.counter(), await stub.record()
        assert isinstance(total, aio.RpcStub)
        assert await total(20, 22) == 42
        assert [await counter.add(1), await counter.add(2)] == [1, 3]
        assert await stub.apply(total, 1, 2) == 3
        await asyncio.gather(*(record(n) for n in range(200)))
        assert await stub.recorded() == list(range(200))
        with pytest.raises(facetbox.GuestError, match="too far"):
            await (await stub.fail())()
        never = await stub.never()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(never(), 0.02)

    on_loop(test)


def test_on_a_loop_a_callback_is_called_while_its_guest_waits_and_later() -> None:
    async def test(runtime: aio.Runtime) -> None:
        kept: list[Any] = []

        async def subscribe(callback: aio.RpcStub) -> object:
            kept.append(callback)
            return await callback("at once")

        stub = aio_app(runtime, subscribe=subscribe)
        assert await stub.subscribe() == ["AT ONCE", "done"]
        assert await kept[0]("later") == "LATER"

    on_loop(test)
