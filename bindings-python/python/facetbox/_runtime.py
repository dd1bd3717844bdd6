"""Opening runtimes, and closing them before the interpreter goes."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Iterable

from ._native import ManualClock, Runtime, _end, open_runtime
from ._options import Limits
from ._tail import TailEvent

_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    durability: str = "full",
    limits: Limits | None = None,
    clock: ManualClock | None = None,
    alarms: str = "automatic",
    idle_ms: int | None = None,
    max_warm: int | None = None,
    threads: int | None = None,
    engines: Iterable[str] | None = None,
    on_tail: Callable[[TailEvent], object] | None = None,
) -> Runtime:
    """Opens a data directory, made if it is missing; None or ``":memory:"`` keeps nothing.

    ``durability`` says when an answer may leave: ``"full"`` after its writes are on disk,
    ``"relaxed"`` when they survive a crash of the process, ``"none"`` for tests. ``limits`` replace
    the defaults of guests. ``clock`` replaces the wall clock, for tests. ``alarms`` says who fires
    alarms: ``"automatic"`` the runtime, at their time, ``"manual"`` whoever calls
    ``Runtime.run_due_alarms()``. Instances without events are dropped after ``idle_ms`` milliseconds, by
    default 10,000, and earlier where there are more than ``max_warm``, by default 1,000; the next event
    starts them again. ``threads`` is how many threads run what no caller waits for, by default one per
    core. ``engines`` are the languages that guests may be written in, ``"luau"`` and ``"javascript"``, by
    default both; modules in others are refused with UnsupportedError when they are loaded. ``on_tail``
    is called with the TailEvent of everything that has run, on a thread of its own; it may be slow, events
    don't wait for it: beyond 1,024 of them they are dropped, which ``TailEvent.dropped`` tells.

    Raises InUseError if another runtime has the directory open, StorageError if it can't be made or
    written, belongs to something else or to a newer version.
    """
    runtime = open_runtime(
        path,
        durability,
        limits,
        clock,
        alarms,
        idle_ms,
        max_warm,
        threads,
        None if engines is None else list(engines),
        on_tail,
    )
    _runtimes.add(runtime)
    return runtime


@atexit.register
def _close_all() -> None:
    for runtime in list(_runtimes):
        runtime.close()
    _end()
