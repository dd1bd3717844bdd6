"""The storage of one object or facet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from .. import _native
from .._native import KvList, SqlCursor
from ._loop import here, outcome
from ._scope import Turn
from ._sections import transact

_T = TypeVar("_T")


class Storage:
    """The storage of one object or facet: a SQLite database.

    What is written in one turn of the event loop is committed together after it, and before the object
    answers or calls anybody.
    """

    __slots__ = ("_ctx", "_native", "_turn", "kv", "sql")

    kv: Kv
    """The key-value store."""
    sql: Sql
    """SQL."""

    def __init__(self, ctx: _native.Ctx, turn: Turn) -> None:
        self._ctx = ctx
        self._native = ctx.storage
        self._turn = turn
        self.kv = Kv(self._native.kv, turn)
        self.sql = Sql(self._native.sql, turn)

    async def get_alarm(self) -> int | None:
        """The time that the alarm is set to, in Unix milliseconds; None without one.

        Within its handler the alarm reads as unset.
        """
        return self._native.get_alarm()

    async def set_alarm(self, time: float | datetime) -> None:
        """Sets the alarm, in place of the one that is set: at ``time`` the class's ``alarm(info)`` runs.

        ``time`` is in Unix milliseconds, or a datetime with a time zone; one in the past means now. It is
        set when what was written in this turn is committed.

        Raises InvalidArgument for a time that isn't above 0, ValueError for a datetime without a time zone.
        """
        self._turn.wrote()
        self._native.set_alarm(time)

    async def delete_alarm(self) -> None:
        """Deletes the alarm, if one is set. A handler that runs already goes on."""
        self._turn.wrote()
        self._native.delete_alarm()

    async def sync(self) -> None:
        """Commits what has been written, and returns when it is as durable as the runtime promises.

        Raises ResetError if a deferred constraint is violated; what was uncommitted is gone then.
        """
        await outcome(lambda future: here().sync(future, self._ctx))

    async def current_bookmark(self) -> str:
        """A text that names this moment: each one sorts after those that were given before, restarts
        included. Going back to a bookmark isn't supported yet."""
        self._turn.wrote()
        return self._native.current_bookmark()

    def delete_all(self) -> None:
        """Deletes everything that the object or facet and its facets store; running facets are aborted."""
        self._turn.wrote()
        self._native.delete_all()

    def transaction_sync(self, function: Callable[[], _T]) -> _T:
        """Calls ``function`` in a transaction and returns what it returns.

        If it raises, everything it wrote is rolled back and the exception goes on. Transactions nest.

        Raises InvalidArgument for an ``async`` function, which is for ``transaction``.
        """
        self._turn.wrote()
        return self._native.transaction_sync(function)

    async def transaction(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """Calls ``function``, which returns an awaitable such as a coroutine, in a transaction and returns what
        that results in.

        Everything that the object writes meanwhile is part of it; if ``function`` raises, that is rolled back and
        the exception goes on. Other events are kept out as by ``ctx.block_concurrency_while``, with the same
        limits. What was written before is committed first. Transactions nest.
        """
        return await transact(self._ctx, function)


class Kv:
    """The key-value store of one object or facet."""

    __slots__ = ("_native", "_turn")

    def __init__(self, native: _native.Kv, turn: Turn) -> None:
        self._native = native
        self._turn = turn

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default``."""
        return self._native.get(key, default)

    def put(self, key: str, value: object) -> None:
        """Stores a value.

        Raises ValueError for what can't be stored, such as functions and stubs.
        """
        self._turn.wrote()
        self._native.put(key, value)

    def delete(self, key: str) -> bool:
        """Deletes a key; returns whether it was there."""
        self._turn.wrote()
        return self._native.delete(key)

    def list(
        self,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> KvList:
        """Iterates over (key, value) pairs in the order of the keys' UTF-8 bytes.

        ``start`` is inclusive, ``start_after`` and ``end`` are exclusive. A later list of the same storage
        invalidates the iterator.
        """
        return self._native.list(
            start=start,
            start_after=start_after,
            end=end,
            prefix=prefix,
            reverse=reverse,
            limit=limit,
        )


class Sql:
    """SQL over the storage of one object or facet."""

    __slots__ = ("_native", "_turn")

    def __init__(self, native: _native.Sql, turn: Turn) -> None:
        self._native = native
        self._turn = turn

    def exec(self, query: str, /, *bindings: object) -> SqlCursor:
        """Runs one or more statements, the last with ``bindings``, and returns its rows.

        Raises StorageError with SQLite's message. Transactions are ``transaction_sync``'s, not SQL's.
        """
        self._turn.wrote()
        return self._native.exec(query, *bindings)

    @property
    def database_size(self) -> int:
        """Bytes of the database that are in use."""
        return self._native.database_size
