"""What classes with coroutines inherit from, and what they see of their own object or facet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NoReturn, TypeVar

from .. import _native
from .._native import ObjectId
from .._object import AioObject
from ._facets import Facets
from ._loader import Loader
from ._loop import here
from ._scope import Turn
from ._sections import block_while
from ._storage import Storage

_T = TypeVar("_T")

_log = logging.getLogger("facetbox")


class Ctx:
    """The context of one object or facet: its id, storage and facets.

    For code on the loop that its class belongs to. Once the object is broken, everything raises its error.
    """

    __slots__ = ("_native", "_tasks", "facets", "storage")

    storage: Storage
    """The storage of this object or facet."""
    facets: Facets
    """Its facets."""

    def __init__(self, native: _native.Ctx) -> None:
        self._native = native
        self._tasks: dict[asyncio.Future[object], _native.Awake] = {}
        turn = Turn(native)
        self.storage = Storage(native, turn)
        self.facets = Facets(native.facets, turn)

    @property
    def id(self) -> ObjectId:
        """The object's id; for a facet its parent's, or the id or text that its supervisor chose."""
        return self._native.id

    @property
    def props(self) -> Any:
        """The props that the class was bound with; None without."""
        return here().props(self._native)

    def abort(self, reason: str | None = None) -> NoReturn:
        """Aborts this object or facet, and always raises: AbortedError with the reason.

        What was written in this turn of the loop is discarded; all its stubs and facets raise the same from now on.
        """
        self._native.abort(reason)

    def delete_all(self) -> None:
        """Deletes everything that the object or facet and its facets store: ``storage.delete_all()``."""
        self.storage.delete_all()

    def block_concurrency_while(self, work: Callable[[], Awaitable[_T]]) -> asyncio.Future[_T]:
        """Runs ``work`` while no other event is let in, and returns a future of its result.

        It runs whether the future is awaited or not. In a constructor the object answers nothing before it
        has ended. If it raises, or takes longer than the limit ``block_ms``, the object is reset: every caller
        gets the exception. Calls that come back into the object from ``work`` are let in.

        Raises LimitError beyond 64 levels of nesting.
        """
        return block_while(self._native, work)

    def wait_until(self, work: Awaitable[object]) -> None:
        """Lets ``work`` go on when the event that began it has ended. What it raises is logged.

        The instance isn't dropped as idle before it ends.
        """
        task = asyncio.ensure_future(work)
        self._tasks[task] = self._native._keep_awake()
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[object]) -> None:
        self._tasks.pop(task).release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("what was given to wait_until() has failed", exc_info=error)

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"


class Env(SimpleNamespace):
    """What a class is given by its namespace, as attributes."""

    LOADER: Loader
    """The runtime's Worker Loader, unless the namespace has an ``env`` of its own."""


class DurableObject(AioObject):
    """The base of every class of objects or facets whose methods are coroutines.

    Callers reach its public methods, coroutines or not: functions of the class whose names don't start with
    ``_``. ``fetch(request)`` answers requests, ``alarm(info)`` runs when an alarm is due, as with
    ``facetbox.DurableObject``. The constructor runs once per start.

    Methods run on the loop that was running when the class was bound. While one awaits, others may run, as
    on Cloudflare; ``ctx.block_concurrency_while`` keeps them out.
    """

    ctx: Ctx
    """Its id, storage and facets."""
    env: Env
    """What the namespace gives it."""

    def __new__(cls, ctx: Ctx, env: Env) -> DurableObject:
        # Here rather than in __init__, so that subclasses need not call that.
        self = super().__new__(cls)
        self.ctx = ctx
        self.env = env
        return self

    def __init__(self, ctx: Ctx, env: Env) -> None:
        """Subclasses may do here what is to be done once per start."""

