"""Code of the host that the native half asks for: it runs here, on the loop that it belongs to."""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from .. import _native
from .._native import Ask
from ._ctx import Ctx, DurableObject, Env
from ._scope import current


def run(ask: Ask, function: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Answers an ask with what a function, coroutine or not, returns."""
    if ask.abandoned:
        return
    current.set(ask.scope)  # of the context that this call was posted with
    try:
        answer = function(*args)
        if answer is None or not inspect.isawaitable(answer):
            ask.answer(answer)
            return
        # Nothing here keeps the task: see Ask.started.
        ask.started(weakref.ref(asyncio.ensure_future(_finish(ask, answer))))
    except asyncio.CancelledError:
        ask.cancelled()
    except BaseException as error:
        _fail(ask, error)


async def _finish(ask: Ask, answer: Awaitable[object]) -> None:
    try:
        ask.answer(await answer)
    except asyncio.CancelledError:
        ask.cancelled()
        raise
    except GeneratorExit:
        # Nothing can wake the task up any more. The ask says so when it goes, and tracebacks keep frames.
        del ask
        raise
    except BaseException as error:
        _fail(ask, error)


def cancel(task: asyncio.Task[None]) -> None:
    """Cancels the task of an ask. One that hasn't begun never awaits what it was made for, which is closed then."""
    work = cast("Coroutine[Any, Any, None]", task.get_coro())
    if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
        answer = inspect.getcoroutinelocals(work)["answer"]
        if inspect.iscoroutine(answer):
            answer.close()
    task.cancel()


def _fail(ask: Ask, error: BaseException) -> None:
    """Answers an ask with an exception. One that ends programs ends this one, too."""
    ask.fail(error)
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error


def construct(
    cls: type[DurableObject], native: _native.Ctx, env: dict[str, Any]
) -> DurableObject:
    """Makes an instance."""
    return cls(Ctx(native), Env(**env))
