"""Facetbox for asyncio: the names of ``facetbox``, with coroutines where something waits.

::

    import asyncio
    from facetbox import FacetOptions, WorkerCode, aio

    CODE = '''
        local App = DurableObject:extend("App")
        function App:greet(name)
            return `Hello {name}!`
        end
        return { App = App }
    '''

    class AppRunner(aio.DurableObject):
        async def greet(self, name):
            return await self.ctx.facets.get("app", self._start).greet(name)

        def _start(self):
            worker = self.env.LOADER.load(WorkerCode("app.luau", {"app.luau": CODE}))
            return FacetOptions(worker.get_durable_object_class("App"))

    async def main():
        async with aio.open("./data") as runtime:
            apps = runtime.namespace("AppRunner", AppRunner)
            print(await apps.get_by_name("my-app").greet("world"))

    asyncio.run(main())

Calls and operations on whole objects are coroutines; what an object reads and writes of its own storage
is a plain function, as on Cloudflare. Guests run on threads of the runtime, never on the loop. Functions,
objects and classes of Python run on the loop that was running when they were handed over.

Cancelling the task that awaits a call ends the call: a guest that waits is stopped at once, one that
computes at the latest after ``cpu_ms``. Once a loop is closed, what belongs to it raises ClosedError.
"""

from ._ctx import Ctx, DurableObject, Env
from ._facets import Facets
from ._loader import Loader, WorkerStub
from ._namespace import Namespace
from ._rpc import RpcStub
from ._runtime import Deployment, Runtime, open
from ._storage import Kv, Sql, Storage
from ._stub import Stub

__all__ = [
    "Ctx",
    "Deployment",
    "DurableObject",
    "Env",
    "Facets",
    "Kv",
    "Loader",
    "Namespace",
    "RpcStub",
    "Runtime",
    "Sql",
    "Storage",
    "Stub",
    "WorkerStub",
    "open",
]
