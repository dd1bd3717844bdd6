"""Waiting on the running loop for calls that run elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .._native import Call, EventLoop
from ._scope import current


def here() -> EventLoop:
    """The running loop and the event whose code runs, for the native half. Raises RuntimeError without one."""
    return EventLoop(asyncio.get_running_loop().call_soon_threadsafe, current.get())


async def outcome(begin: Callable[[asyncio.Future[Any]], Call]) -> Any:
    """Begins a call and waits for its outcome; ends the call if the wait is cancelled."""
    future = asyncio.get_running_loop().create_future()
    call = begin(future)
    try:
        return await future
    finally:
        call.cancel()


def settle(future: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    """Called by the native half, on the loop, when a call has ended."""
    if future.done():
        return
    if error is None:
        future.set_result(value)
    elif isinstance(error, StopIteration):
        # A future refuses it, because it would end the generator that awaits.
        replacement = RuntimeError("the call raised StopIteration")
        replacement.__cause__ = error
        future.set_exception(replacement)
    else:
        future.set_exception(error)
