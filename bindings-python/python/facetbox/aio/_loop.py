"""Waiting on the running loop for calls that run elsewhere."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from .._native import Call, EventLoop, Inbox
from ._scope import current

_inboxes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Inbox] = weakref.WeakKeyDictionary()


def here() -> EventLoop:
    """The running loop and the event whose code runs, for the native half. Raises RuntimeError without one."""
    loop = asyncio.get_running_loop()
    inbox = _inboxes.get(loop)
    if inbox is None:
        inbox = _inboxes[loop] = Inbox(weakref.ref(loop))
    return EventLoop(inbox, current.get())


async def outcome(begin: Callable[[asyncio.Future[Any]], Call]) -> Any:
    """Begins a call and waits for its outcome; ends the call if the wait is cancelled."""
    future = asyncio.get_running_loop().create_future()
    call = begin(future)
    try:
        return await future
    finally:
        call.cancel()
