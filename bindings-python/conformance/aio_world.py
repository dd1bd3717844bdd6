"""What a case runs in, for asyncio: the same as in ``world``, as coroutines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from facetbox import DurableObjectClass, FacetOptions, Request, Response, aio

from .case import Case
from .world import request, response


class Supervisor(aio.DurableObject):
    """Passes on to the facet that each call names."""

    async def forward(self, facet: str, method: str, args: list[Any]) -> Any:
        return await self._facet(facet).call(method, *args)

    async def request(self, facet: str, url: str, options: dict[str, Any]) -> list[Any]:
        response = await self._facet(facet).fetch(url, **options)
        return [response.body, response.status, response.headers.items()]

    async def abort(self, facet: str, reason: str) -> None:
        self.ctx.facets.abort(facet, reason)

    async def delete(self, facet: str) -> None:
        self.ctx.facets.delete(facet)

    def _facet(self, name: str) -> aio.Stub:
        return self.ctx.facets.get(name, self._start)

    async def _start(self) -> FacetOptions:
        return FacetOptions(self.env.START())


class World:
    """A case's data directory with the runtime that is open on it."""

    def __init__(self, case: Case, path: Path) -> None:
        self.case = case
        self.path = path

    async def open(self) -> None:
        """Opens the runtime and binds the case's class, or a supervisor's."""
        self.runtime = await aio.open(self.path, durability="none")
        loader = self.runtime.loader()

        def start(**env: object) -> DurableObjectClass:
            worker = loader.load(self.case.code(env))
            return worker.get_durable_object_class("App", props=self.case.props)

        if self.case.is_supervisor:
            cls = start(LOADER=loader)
            self.namespace = self.runtime.namespace(self.case.namespace, cls)
        else:
            self.namespace = self.runtime.namespace(
                self.case.namespace, Supervisor, env={"START": start}
            )

    async def perform(self, step: dict[str, Any]) -> Any:
        """Does what a step says, and returns what comes of it."""
        stub = self.namespace.get_by_name(step.get("object", self.case.name))
        facet = step.get("facet", "app")
        if "call" in step:
            if self.case.is_supervisor:
                return await stub.call(step["call"], *step["args"])
            return await stub.call("forward", facet, step["call"], step["args"])
        if "fetch" in step:
            return await self._fetch(stub, facet, step["fetch"])
        if "restart" in step:
            await self.runtime.close()
            await self.open()
        elif "abort" in step:
            await stub.call("abort", facet, step["abort"])
        elif "delete" in step:
            await stub.call("delete", facet)
        else:
            await asyncio.sleep(step["wait_ms"] / 1_000)
        return None

    async def _fetch(self, stub: aio.Stub, facet: str, fetch: dict[str, Any]) -> Response:
        url, options = request(fetch)
        if self.case.is_supervisor:
            return await stub.fetch(Request(url, **options))
        return response(await stub.call("request", facet, url, options))

    async def close(self) -> None:
        """Closes the runtime."""
        await self.runtime.close()
