"""``block_concurrency_while`` of one object."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from .. import _native
from .._errors import LimitError
from ._loop import here, outcome

_T = TypeVar("_T")

_MAX_NESTING = 64
_MAX_SECONDS = 30

_section: ContextVar[tuple[Concurrency, int] | None] = ContextVar("facetbox.section", default=None)
"""The innermost section that code runs in: whose, and how deep."""


class Concurrency:
    """The sections of one object that keep other events out."""

    __slots__ = ("_native", "_starting")

    def __init__(self, native: _native.Ctx) -> None:
        self._native = native
        self._starting: list[asyncio.Future[Any]] | None = []
        """Sections of the constructor, which has the turn already; None once it is through."""

    def block_while(self, work: Callable[[], Awaitable[_T]]) -> asyncio.Future[_T]:
        """See Ctx.block_concurrency_while."""
        outer = _section.get()
        depth = outer[1] + 1 if outer is not None and outer[0] is self else 1
        if depth > _MAX_NESTING:
            message = "block_concurrency_while() calls are nested too deeply."
            raise LimitError(message, "Error", "LIMIT_DEPTH")
        if depth > 1:
            section = self._within(work, depth)
        elif self._starting is not None:
            section = self._limited(work)
        else:
            section = self._guarded(work)
        task = asyncio.ensure_future(section)
        # The failure reaches every caller of the object, whether this future is awaited or not.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        if self._starting is not None and depth == 1:
            self._starting.append(task)
        return task

    async def started(self) -> None:
        """Waits for the sections that the constructor has begun, and for those that they begin."""
        while self._starting:
            await self._starting.pop(0)
        self._starting = None

    async def _within(self, work: Callable[[], Awaitable[_T]], depth: int) -> _T:
        _section.set((self, depth))
        return await work()

    async def _limited(self, work: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await asyncio.wait_for(self._within(work, 1), _MAX_SECONDS)
        except asyncio.TimeoutError:
            message = (
                "A call to blockConcurrencyWhile() in a Durable Object waited for too long. "
                "The call was canceled and the Durable Object was reset."
            )
            raise LimitError(message, "Error", "LIMIT_WALL") from None

    async def _guarded(self, work: Callable[[], Awaitable[_T]]) -> _T:
        loop = here()
        guard: _native.Guard = await outcome(
            lambda future: loop.block_concurrency(future, self._native)
        )
        try:
            return await self._limited(work)
        except Exception as error:
            loop.fail(self._native, error)
            raise
        finally:
            guard.release()
