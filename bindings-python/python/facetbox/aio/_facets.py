"""Facets: the named children of an object or facet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .. import _native, _object
from .._native import DurableObjectClass
from .._options import FacetOptions
from .._whole import Usage
from ._loop import here
from ._scope import Turn
from ._stub import Stub

if TYPE_CHECKING:
    from ._ctx import DurableObject

    _Start = (
        FacetOptions | type[DurableObject] | type[_object.DurableObject] | DurableObjectClass
    )


class Facets:
    """The facets of one object or facet."""

    __slots__ = ("_native", "_turn")

    def __init__(self, native: _native.Facets, turn: Turn) -> None:
        self._native = native
        self._turn = turn

    def get(self, name: str, start: Callable[[], _Start | Awaitable[_Start]]) -> Stub:
        """A stub of the facet ``name``.

        Nothing starts before its first use: then ``start``, a coroutine or not, is called, once, unless the
        facet runs already. It returns FacetOptions, or just the class.

        Raises InvalidArgument for a name that is empty or longer than 256 bytes.
        """
        return Stub(here().facet(self._native, name, start))

    def abort(self, name: str, reason: str | BaseException) -> None:
        """Stops the facet and its descendants; their stubs raise ``reason``: that exception, or
        AbortedError with that text. Data is kept."""
        self._native.abort(name, reason)

    def delete(self, name: str) -> None:
        """Stops the facet and deletes its data and that of its descendants."""
        self._turn.wrote()
        self._native.delete(name)

    def clone(self, src: str, dst: str) -> None:
        """Replaces facet ``dst`` and its descendants by a copy of ``src`` and its descendants.

        A missing ``src`` leaves ``dst`` empty; ``src`` goes on running, ``dst`` is stopped first.
        """
        self._turn.wrote()
        self._native.clone(src, dst)

    def list(self) -> list[str]:
        """The names of the facets that exist, running or not, in order."""
        return self._native.list()

    def exists(self, name: str) -> bool:
        """Whether the facet exists, running or not."""
        return self._native.exists(name)

    async def usage(self, name: str) -> Usage:
        """What the facet takes with its own facets. Raises NotFoundError if there is none."""
        return await asyncio.to_thread(self._native.usage, name)

    async def export(self, name: str, path: str | os.PathLike[str]) -> None:
        """Copies the facet with its own facets to ``path``, a new directory, as they were last committed.
        The directory is like that of an object and can be imported as one; see ``Namespace.export``.

        Raises NotFoundError if the facet doesn't exist or has no data, InvalidArgument if ``path`` exists.
        """
        await asyncio.to_thread(self._native.export, name, path)
