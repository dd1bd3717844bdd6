"""The Worker Loader: guest code in, classes and entrypoints out."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from .. import _native
from .._native import Loader as NativeLoader
from .._native import DurableObjectClass
from .._object import Handle
from .._options import Limits, WorkerCode
from ._loop import here
from ._stub import Stub


class Loader(Handle):
    """Loads guest code; the only way from text to a class."""

    __slots__ = ()

    _native: NativeLoader

    def __init__(self, native: NativeLoader) -> None:
        self._native = native

    def load(self, code: WorkerCode) -> WorkerStub:
        """Loads code that isn't cached. Functions in its ``env`` may be coroutines.

        Errors in modules show at the first use of a class or entrypoint.
        """
        return WorkerStub(here().load(self._native, code))

    async def get(
        self, id: str | None, callback: Callable[[], WorkerCode | Awaitable[WorkerCode]]
    ) -> WorkerStub:
        """The worker cached as ``id``, loaded from the WorkerCode that ``callback``, a coroutine or not,
        returns if there is none.

        With None as the id nothing is cached. What the callback raises comes out, and isn't cached.
        """
        loop = here()
        cached = None if id is None else loop.cached(self._native, id)
        if cached is not None:
            return WorkerStub(cached)
        code = callback()
        if inspect.isawaitable(code):
            code = await code
        return WorkerStub(loop.insert(self._native, id, code))

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"


class WorkerStub:
    """Loaded code."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.WorkerStub) -> None:
        self._native = native

    def get_durable_object_class(
        self,
        name: str = "default",
        *,
        props: object = None,
        limits: Limits | None = None,
    ) -> DurableObjectClass:
        """The exported class ``name``: for a facet, or for a namespace.

        That it exists is checked when it is used. Its instances see ``props`` as ``ctx.props``; ``limits``
        count where they are lower than those of the code.
        """
        return here().durable_object_class(self._native, name, props, limits)

    def get_entrypoint(
        self,
        name: str = "default",
        *,
        props: object = None,
        limits: Limits | None = None,
    ) -> Stub:
        """A stub of the exported entrypoint ``name``, which is stateless: for one-off code."""
        return Stub(here().entrypoint(self._native, name, props, limits))

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"
