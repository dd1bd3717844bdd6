"""What an object has written is committed before it calls anybody, and after each turn of the loop."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .. import _native
from ._loop import here, outcome

if TYPE_CHECKING:
    from ._ctx import Ctx

current: ContextVar[Ctx | None] = ContextVar("facetbox.current", default=None)
"""The ctx of the object or facet whose code runs."""


async def gate() -> None:
    """Waits until what the running object has written is as durable as the runtime promises."""
    ctx = current.get()
    if ctx is not None and ctx._commit.pending:
        await ctx._commit.now()


class Commit:
    """The implicit transaction of one object: begun by its first write, committed after the turn of the
    loop in which that was."""

    __slots__ = ("_due", "_native", "_running")

    def __init__(self, native: _native.Ctx) -> None:
        self._native = native
        self._due: asyncio.Handle | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def pending(self) -> bool:
        """Whether something is written that may not be committed."""
        return self._due is not None or self._running is not None

    def wrote(self) -> None:
        """Something is about to be written, or given up."""
        if self._running is not None:
            # What an earlier turn has written must not share the fate of what this one writes.
            self._native.storage.sync()
            self._running = None
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> asyncio.Task[None]:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        task = asyncio.get_running_loop().create_task(self._sync())
        self._running = task
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._running is task:
            self._running = None
        # A commit that fails has broken the object, whose calls tell so.
        if not task.cancelled():
            task.exception()

    async def now(self) -> None:
        """Commits and waits until that is durable."""
        if self._due is not None or self._running is None:
            await asyncio.shield(self._begin())
        else:
            await asyncio.shield(self._running)

    async def _sync(self) -> None:
        loop = here()
        await outcome(lambda future: loop.sync(future, self._native))
