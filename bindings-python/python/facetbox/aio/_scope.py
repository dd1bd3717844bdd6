"""Which event the running code belongs to, and in which turns of the loop an object writes."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from .. import _native

current: ContextVar[_native.EventScope | None] = ContextVar("facetbox.scope", default=None)
"""The event that code runs for, wherever it goes on: what its object has written is committed before a call of this
code leaves, and it is known which calls wait for each other."""


class Turn:
    """The turns of the loop in which one object writes: what is written in one is committed after it, even if no
    event of the object ends by then."""

    __slots__ = ("_native", "_writing")

    def __init__(self, native: _native.Ctx) -> None:
        self._native = native
        self._writing = False

    def wrote(self) -> None:
        """Something is about to be written."""
        if not self._writing:
            loop = asyncio.get_running_loop()
            self._native._begin_turn()
            self._writing = True
            loop.call_soon(self._end)

    def _end(self) -> None:
        self._writing = False
        self._native._end_turn()
