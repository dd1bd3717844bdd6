"""What classes of objects and facets inherit from."""

from __future__ import annotations

from types import SimpleNamespace

from ._native import Ctx, Loader


class Env(SimpleNamespace):
    """What a class is given by its namespace, as attributes."""

    LOADER: Loader
    """The runtime's Worker Loader, unless the namespace has an ``env`` of its own."""


class DurableObject:
    """The base of every class of objects or facets that is written in Python.

    Callers reach its public methods: functions of the class whose names don't start with ``_``.
    ``fetch(request)`` answers requests. The constructor runs once per start. One call runs at a time,
    on the thread of its caller; calls that an instance makes may come back into it.
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
