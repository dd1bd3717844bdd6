"""Opening runtimes, and closing them before the interpreter goes."""

from __future__ import annotations

import atexit
import os
import weakref

from ._native import ManualClock, Runtime, open_runtime
from ._options import Limits

_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    durability: str = "full",
    limits: Limits | None = None,
    clock: ManualClock | None = None,
    alarms: str = "automatic",
    threads: int | None = None,
) -> Runtime:
    """Opens a data directory, made if it is missing; None or ``":memory:"`` keeps nothing.

    ``durability`` says when an answer may leave: ``"full"`` after its writes are on disk,
    ``"relaxed"`` when they survive a crash of the process, ``"none"`` for tests. ``limits`` replace
    the defaults of guests. ``clock`` replaces the wall clock, for tests. ``alarms`` says who fires
    alarms: ``"automatic"`` the runtime, at their time, ``"manual"`` whoever calls
    ``Runtime.run_due_alarms()``. ``threads`` is how many threads run what no caller waits for, by
    default one per core.

    Raises InUseError if another runtime has the directory open, StorageError if it can't be made or
    written, belongs to something else or to a newer version.
    """
    runtime = open_runtime(path, durability, limits, clock, alarms, threads)
    _runtimes.add(runtime)
    return runtime


@atexit.register
def _close_all() -> None:
    for runtime in list(_runtimes):
        runtime.close()
