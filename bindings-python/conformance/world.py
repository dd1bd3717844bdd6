"""What a case runs in, for blocking hosts: a runtime, and the supervisor that forwards its steps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import facetbox
from facetbox import DurableObject, DurableObjectClass, FacetOptions, Request, Response, Stub

from .case import Case


class Supervisor(DurableObject):
    """Passes on to the facet that each call names."""

    def forward(self, facet: str, method: str, args: list[Any]) -> Any:
        return self._facet(facet).call(method, *args)

    def request(self, facet: str, url: str, options: dict[str, Any]) -> list[Any]:
        response = self._facet(facet).fetch(url, **options)
        return [response.body, response.status, response.headers.items()]

    def abort(self, facet: str, reason: str) -> None:
        self.ctx.facets.abort(facet, reason)

    def delete(self, facet: str) -> None:
        self.ctx.facets.delete(facet)

    def _facet(self, name: str) -> Stub:
        return self.ctx.facets.get(name, lambda: FacetOptions(self.env.START()))


class World:
    """A case's data directory with the runtime that is open on it."""

    def __init__(self, case: Case, path: Path) -> None:
        self.case = case
        self.path = path
        self.open()

    def open(self) -> None:
        """Opens the runtime and binds the case's class, or a supervisor's."""
        self.runtime = facetbox.open(self.path, durability="none")
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

    def perform(self, step: dict[str, Any]) -> Any:
        """Does what a step says, and returns what comes of it."""
        stub = self.namespace.get_by_name(step.get("object", self.case.name))
        facet = step.get("facet", "app")
        if "call" in step:
            if self.case.is_supervisor:
                return stub.call(step["call"], *step["args"])
            return stub.call("forward", facet, step["call"], step["args"])
        if "fetch" in step:
            return self._fetch(stub, facet, step["fetch"])
        if "restart" in step:
            self.runtime.close()
            self.open()
        elif "abort" in step:
            stub.call("abort", facet, step["abort"])
        elif "delete" in step:
            stub.call("delete", facet)
        else:
            time.sleep(step["wait_ms"] / 1_000)
        return None

    def _fetch(self, stub: Stub, facet: str, fetch: dict[str, Any]) -> Response:
        url, options = request(fetch)
        if self.case.is_supervisor:
            return stub.fetch(Request(url, **options))
        return response(stub.call("request", facet, url, options))

    def close(self) -> None:
        """Closes the runtime."""
        self.runtime.close()


def request(fetch: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL and the other arguments of a request."""
    body = fetch.get("body")
    options = {
        "method": fetch["method"],
        "headers": fetch.get("headers", {}),
        "body": None if body is None else body.encode(),
    }
    return fetch["url"], options


def response(parts: list[Any]) -> Response:
    """The response that a supervisor has taken apart."""
    body, status, headers = parts
    return Response(body, status=status, headers=[(name, value) for name, value in headers])
