"""Namespaces of objects."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence

from .._native import Namespace as NativeNamespace
from .._native import ObjectId
from .._object import Handle
from .._whole import ObjectInfo, QueryRows, Usage
from ._loop import here, outcome
from ._stub import Stub

_PAGE = 1_000


class Namespace(Handle):
    """A name bound to a class; every id of it is one object in the whole runtime.

    ``async for`` gives an ObjectInfo for each object that has data, in order of their ids.
    """

    __slots__ = ()

    _native: NativeNamespace

    def __init__(self, native: NativeNamespace) -> None:
        self._native = native

    @property
    def name(self) -> str:
        """Its name."""
        return self._native.name

    def id_from_name(self, name: str) -> ObjectId:
        """The id that belongs to a name: always the same one."""
        return self._native.id_from_name(name)

    def id_from_string(self, text: str) -> ObjectId:
        """Reads an id back from its text.

        Raises InvalidArgument for anything but 64 hex digits of an id of this namespace.
        """
        return self._native.id_from_string(text)

    def new_unique_id(self) -> ObjectId:
        """A new random id."""
        return self._native.new_unique_id()

    def get(self, id: ObjectId) -> Stub:
        """A stub of the object with this id. Neither creates nor contacts it.

        Raises InvalidArgument for an id of another namespace.
        """
        return Stub(self._native.get(id))

    def get_by_name(self, name: str) -> Stub:
        """A stub of the object with this name: ``get(id_from_name(name))``."""
        return Stub(self._native.get_by_name(name))

    async def list(self, after: ObjectId | None = None, limit: int = 1_000) -> list[ObjectInfo]:
        """The objects that have data, in order of their ids: at most ``limit`` of those after ``after``.
        The next page begins after the last id of this one.

        An object has data from its first write until it is deleted, even if it has emptied its storage.
        """
        return await asyncio.to_thread(self._native.list, after, limit)

    async def exists(self, id: ObjectId) -> bool:
        """Whether the object has data. It isn't started."""
        return await asyncio.to_thread(self._native.exists, id)

    async def delete(self, id: ObjectId) -> None:
        """Ends the object and removes its data, its facets and their alarms; see
        ``facetbox.Namespace.delete``."""
        await asyncio.to_thread(self._native.delete, id)

    async def usage(self, id: ObjectId) -> Usage:
        """What the object takes with all its facets; zero if it has no data. Neither starts it nor waits
        for what it is doing."""
        return await asyncio.to_thread(self._native.usage, id)

    async def export(self, id: ObjectId, path: str | os.PathLike[str]) -> None:
        """Copies the object with all its facets to ``path``, a new directory, while it runs; see
        ``facetbox.Namespace.export``. Cancelling it leaves nothing at ``path``."""
        loop = here()
        await outcome(lambda future: loop.export(future, self._native, id, path))

    async def import_(self, id: ObjectId, path: str | os.PathLike[str]) -> None:
        """Makes the object from what was exported to ``path``; see ``facetbox.Namespace.import_``."""
        await asyncio.to_thread(self._native.import_, id, path)

    async def query(
        self,
        id: ObjectId,
        query: str,
        /,
        *bindings: object,
        facets: Sequence[str] | None = None,
    ) -> QueryRows:
        """Runs one SQL statement that reads, on the database of the object or of the facet that the names
        ``facets`` lead to; see ``facetbox.Namespace.query``."""
        loop = here()
        rows: QueryRows = await outcome(
            lambda future: loop.query(future, self._native, id, query, bindings, facets)
        )
        return rows

    async def __aiter__(self) -> AsyncIterator[ObjectInfo]:
        after = None
        while page := await self.list(after, _PAGE):
            for info in page:
                yield info
            after = page[-1].id

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"
