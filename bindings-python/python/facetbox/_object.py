"""What classes of objects and facets inherit from."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ._native import Ctx, Loader


class Env(SimpleNamespace):
    """What a class is given by its namespace, as attributes."""

    LOADER: Loader
    """The runtime's Worker Loader, unless the namespace has an ``env`` of its own."""


class Handle:
    """What wraps one of the native handles."""

    __slots__ = ("__weakref__", "_native")

    _native: Any


class AioObject:
    """The root of ``facetbox.aio.DurableObject``, here so that finding it doesn't load asyncio."""


@dataclass(frozen=True)
class AlarmInfo:
    """What ``alarm`` is told."""

    scheduled_time: int
    """The time that the alarm was set to, in Unix milliseconds; the same for every retry."""
    retry_count: int
    """How often the handler has failed before."""

    @property
    def is_retry(self) -> bool:
        """Whether this is a retry."""
        return self.retry_count > 0


class DurableObject:
    """The base of every class of objects or facets that is written in Python.

    Callers reach its public methods: functions of the class whose names don't start with ``_``.
    ``fetch(request)`` answers requests. The constructor runs once per start. One call runs at a time,
    on the thread of its caller; calls that an instance makes may come back into it.

    ``alarm(info)``, with an AlarmInfo, runs when the alarm that ``storage.set_alarm()`` has set is due,
    on a thread of the runtime: at least once for each. If it raises, the logger ``facetbox`` tells, and
    it is tried again after 2 seconds, then 4, 8, 16, 32 and 64, each up to a quarter longer; after that
    the alarm is given up. A class without it can't set alarms. Nobody can call it.

    ``start_facet(name)``, if there is one, returns a stub of a facet: the runtime calls it when the alarm
    of a facet is due that hasn't run since the runtime was opened, because nobody else knows its class.
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
