"""Stubs: the addresses through which objects, facets and entrypoints are called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .._native import Stub as NativeStub
from .._native import ObjectId, Request, Response
from .._object import Handle
from .._whole import Usage
from ._loop import here, outcome

if TYPE_CHECKING:
    from .._native import _Body, _HeadersInit


class Stub(Handle):
    """The address of an object, a facet or an entrypoint.

    ``await stub.method(1, 2)`` calls a method, whatever its name, unless that starts with ``_`` or is one of
    the names below; ``stub.call`` reaches those, too. Calls of one stub arrive in the order in which they
    were begun. Any running loop may await them.

    A stub binds to the running object at its first use. When that breaks, the stub keeps raising its
    error; a new stub reaches a new one.
    """

    __slots__ = ()

    _native: NativeStub

    def __init__(self, native: NativeStub) -> None:
        self._native = native

    @property
    def id(self) -> ObjectId | None:
        """The id of the object; None for facets and entrypoints."""
        return self._native.id

    @property
    def name(self) -> str | None:
        """The name that the object's id was made from."""
        return self._native.name

    async def call(self, method: str, /, *args: object) -> Any:
        """Calls a method and returns its answer.

        Raises what the method raises, and the subclass of Error for what stands in its way.
        """
        # As `outcome` does, with one frame less: nothing is done as often as this.
        future = asyncio.get_running_loop().create_future()
        call = here().call(future, self._native, method, args)
        try:
            return await future
        finally:
            call.cancel()

    async def fetch(
        self,
        input: Request | str,
        /,
        *,
        method: str | None = None,
        headers: _HeadersInit | None = None,
        body: _Body | None = None,
    ) -> Response:
        """Sends a request, or one made of a URL and the other arguments, and returns the response.

        Raises as ``call`` does.
        """
        request = Request(input, method=method, headers=headers, body=body)
        loop = here()
        response: Response = await outcome(lambda future: loop.fetch(future, self._native, request))
        return response

    async def exists(self) -> bool:
        """Whether the object has data, or the facet exists. Neither is started.

        Raises UnsupportedError for an entrypoint.
        """
        return await asyncio.to_thread(self._native.exists)

    async def usage(self) -> Usage:
        """What the object or facet takes with everything below it.

        Raises NotFoundError for a facet that doesn't exist, UnsupportedError for an entrypoint.
        """
        return await asyncio.to_thread(self._native.usage)

    def __getattr__(self, name: str, /) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name.startswith("_"):
            raise AttributeError(f"A stub has no attribute {name!r}; see Stub.call().")
        return lambda *args: self.call(name, *args)

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"
