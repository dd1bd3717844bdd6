"""What the tests of facetbox.aio share: a way to run them, a guest, a supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import facetbox
from facetbox import FacetOptions, Request, Response, WorkerCode, aio

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
        return [self.ctx.id.name, self.ctx.facets.list(), self.ctx.facets.exists("app")]

    def _app(self) -> aio.Stub:
        return self.ctx.facets.get("app", self._start)

    async def _start(self) -> FacetOptions:
        worker = await self.env.LOADER.get("app", self._load)
        return FacetOptions(worker.get_durable_object_class("App"))

    async def _load(self) -> WorkerCode:
        await asyncio.sleep(0)
        return guest_code()
