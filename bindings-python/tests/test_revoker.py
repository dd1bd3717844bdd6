"""What guests were given is taken back."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import facetbox
import pytest
from facetbox import DurableObject, Request, Response, Revoker, Runtime, WorkerCode, aio

GUEST = """
local App = DurableObject:extend("App")
function App:ask(...) return self.env.ASK(...) end
function App:get() return self.env.tools.STORE:get() end
function App:peer() return self.env.PEER:get() end
function App:data() return self.env.tools.data end
function App:apply(f, ...) return f(...) end
function App:visit(url) return fetch(url):text() end
return { App = App }
"""


class Store:
    def get(self) -> str:
        return "kept"


class Peer(DurableObject):
    def get(self) -> str:
        return "the peer's"


def code(env: object) -> WorkerCode:
    return WorkerCode("app.luau", {"app.luau": GUEST}, env=env)  # type: ignore[arg-type]


def app(runtime: Runtime, env: object) -> facetbox.Stub:
    cls = runtime.loader().load(code(env)).get_durable_object_class("App")
    return runtime.namespace("App", cls).get_by_name("it")


def test_what_was_wrapped_works_until_it_is_revoked(runtime: Runtime) -> None:
    revoker = Revoker()
    peer = runtime.namespace("Peer", Peer).get_by_name("it")
    env = {"ASK": lambda n: n + 1, "tools": {"STORE": Store(), "data": [1, "two"]}, "PEER": peer}
    stub = app(runtime, revoker.wrap(env))
    assert [stub.ask(1), stub.get(), stub.peer(), stub.data()] == [2, "kept", "the peer's", [1, "two"]]
    assert not revoker.is_revoked and repr(revoker) == "<Revoker>"

    revoker.revoke()
    assert revoker.is_revoked and repr(revoker) == "<Revoker, revoked>"
    for call in (lambda: stub.ask(1), stub.get, stub.peer):
        with pytest.raises(facetbox.AbortedError, match="was revoked"):
            call()
    assert stub.data() == [1, "two"] and peer.get() == "the peer's"


def test_arguments_can_be_taken_back(runtime: Runtime) -> None:
    revoker = Revoker()
    stub = app(runtime, {})
    double = revoker.wrap(lambda n: 2 * n)
    (other,) = revoker.wrap({lambda n: n})
    assert stub.apply(double, 21) == 42
    revoker.revoke()
    for function in (double, other):
        with pytest.raises(facetbox.AbortedError, match="revoked"):
            stub.apply(function, 21)
    assert "lambda" in repr(double)


def test_the_network_can_be_taken_back(runtime: Runtime) -> None:
    def network(request: Request) -> Response:
        return Response(f"{request.method} {request.url}")

    revoker = Revoker()
    fetching = WorkerCode("app.luau", {"app.luau": GUEST}, global_outbound=revoker.wrap(network))
    cls = runtime.loader().load(fetching).get_durable_object_class("App")
    stub = runtime.namespace("App", cls).get_by_name("it")
    assert stub.visit("http://a/") == "GET http://a/"
    revoker.revoke()
    with pytest.raises(facetbox.AbortedError, match='"network" was revoked'):
        stub.visit("http://a/")


def test_a_call_on_its_way_ends(runtime: Runtime) -> None:
    revoker, entered, let_go = Revoker(), threading.Event(), threading.Event()

    def hold() -> str:
        entered.set()
        assert let_go.wait(30)
        return "too late"

    stub = app(runtime, {"ASK": revoker.wrap(hold)})
    errors: list[BaseException] = []

    def call() -> None:
        with pytest.raises(facetbox.AbortedError, match='"hold" was revoked') as caught:
            stub.ask()
        errors.append(caught.value)

    thread = threading.Thread(target=call)
    thread.start()
    assert entered.wait(30)
    revoker.revoke()
    let_go.set()
    thread.join(30)
    assert len(errors) == 1


def test_what_cannot_be_taken_back_is_refused(runtime: Runtime) -> None:
    revoker = Revoker()
    cls = runtime.loader().load(code({})).get_durable_object_class("App")
    for value in (runtime.loader(), cls, runtime.namespace("N", cls), Peer):
        with pytest.raises(facetbox.InvalidArgument, match="can't be revoked"):
            revoker.wrap({"x": [value]})
    assert revoker.wrap([1, None, ("a", b"b")]) == [1, None, ["a", b"b"]]


def test_on_an_event_loop() -> None:
    async def main() -> None:
        revoker = Revoker()
        async with aio.open() as runtime:
            cls = runtime.loader().load(code({})).get_durable_object_class("App")
            peer = runtime.namespace("Peer", cls).get_by_name("it")
            asked = asyncio.Event()

            async def ask(*args: Any) -> Any:
                asked.set()
                await (asyncio.sleep(0) if args else asyncio.Event().wait())
                return args[0]

            env = revoker.wrap({"ASK": ask, "tools": {"STORE": Store()}, "PEER": peer})
            assert isinstance(env["PEER"], aio.Stub)

            async def network(request: Request) -> Response:
                await asyncio.sleep(0)
                return Response(request.url)

            fetching = replace(code(env), global_outbound=revoker.wrap(network))
            cls = runtime.loader().load(fetching).get_durable_object_class("App")
            stub = runtime.namespace("App", cls).get_by_name("it")
            assert [await stub.ask(1), await stub.get(), await stub.visit("http://a/")] == [1, "kept", "http://a/"]
            with pytest.raises(facetbox.Error, match="get"):
                await stub.peer()
            asked.clear()
            waiting = asyncio.create_task(stub.call("ask"))
            await asked.wait()
            revoker.revoke()
            for call in (waiting, stub.ask(1), stub.get(), stub.peer(), stub.visit("http://a/")):
                with pytest.raises(facetbox.AbortedError, match="was revoked"):
                    await call

    asyncio.run(asyncio.wait_for(main(), 30))
