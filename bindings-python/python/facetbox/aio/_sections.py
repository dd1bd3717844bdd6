"""What keeps other events out of an object while it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .. import _native
from .._native import Call
from ._loop import here, outcome
from ._scope import current

_T = TypeVar("_T")


def block_while(ctx: _native.Ctx, work: Callable[[], Awaitable[_T]]) -> asyncio.Future[_T]:
    """See Ctx.block_concurrency_while."""
    entered: asyncio.Future[_native.Guard] = asyncio.get_running_loop().create_future()
    call = here().block_concurrency(entered, ctx)
    task = asyncio.ensure_future(_section(ctx, entered, call, work))
    # The failure reaches every caller of the object, whether this future is awaited or not.
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    return task


async def _section(
    ctx: _native.Ctx,
    entered: asyncio.Future[_native.Guard],
    call: Call,
    work: Callable[[], Awaitable[_T]],
) -> _T:
    try:
        guard = await entered
    finally:
        call.cancel()
    current.set(guard.scope)  # this task's own
    try:
        return await work()
    except Exception as error:
        here().fail(ctx, error)
        raise
    finally:
        guard.release()


async def transact(ctx: _native.Ctx, work: Callable[[], Awaitable[_T]]) -> _T:
    """See Storage.transaction."""
    transaction: _native.Transaction = await outcome(lambda future: here().begin_transaction(future, ctx))
    outer = current.set(transaction.scope)
    try:
        result = await work()
        await outcome(lambda future: here().commit(future, ctx, transaction))
        return result
    finally:
        current.reset(outer)
        transaction.end()
