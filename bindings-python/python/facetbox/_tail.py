"""What the receiver of tail events is told, and one that passes it on to logging."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

_guest = logging.getLogger("facetbox.guest")

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "log": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


@dataclass(frozen=True)
class TailInfo:
    """What an event was. Fields that its kind doesn't have are None or empty."""

    kind: str
    """``fetch``, ``rpc``, ``alarm``, ``tail`` or ``task``."""
    method: str | None = None
    """Of a request, or the method's or property's name of a call; empty for a function."""
    url: str | None = None
    """Of a request, whole."""
    status: int | None = None
    """Of the response to a request, if there was one."""
    scheduled_time: int | None = None
    """When an alarm was due, in Unix milliseconds."""
    retry_count: int | None = None
    """How many attempts of an alarm have failed before."""
    consumed: list[str] = field(default_factory=list)
    """For each tail event that was delivered, the class or export that it is about."""


@dataclass(frozen=True)
class TailLog:
    """A line of the log."""

    timestamp: int
    """When, in Unix milliseconds."""
    level: str
    """``debug``, ``info``, ``log``, ``warn`` or ``error``."""
    message: str
    """The arguments as one text, separated by blanks."""


@dataclass(frozen=True)
class TailException:
    """An error that nobody caught."""

    timestamp: int
    """When, in Unix milliseconds."""
    name: str
    """The error's name, such as ``TypeError``."""
    message: str
    """Its message."""
    stack: str | None
    """The guest's stack, ``module:line`` on each line."""


@dataclass(frozen=True)
class TailEvent:
    """What one event did. Texts are as guests wrote them: treat them as untrusted input."""

    namespace: str | None
    """The namespace of the object; None for an entrypoint, which belongs to none."""
    object_id: str | None
    """The object's id as 64 hex digits; None for an entrypoint."""
    object_name: str | None
    """The name that the object's id was made from, if it was."""
    facets: list[str]
    """The names of the facets below the object that lead to it; empty for the object itself."""
    entrypoint: str
    """The class or export that it is an instance of."""
    event: TailInfo
    """What the event was."""
    outcome: str
    """How it ended: ``ok``, ``exception``, ``exceededCpu``, ``canceled``, …"""
    timestamp: int
    """When it was delivered, in Unix milliseconds."""
    cpu_ms: float
    """CPU time of the guest in milliseconds, its SQL included; 0 for classes written in Python."""
    wall_ms: float
    """Time from delivery to answer in milliseconds, waits included."""
    logs: list[TailLog]
    """What it logged, in order."""
    exceptions: list[TailException]
    """What it threw without catching it: the error that it ended with comes last."""
    truncated: bool
    """Whether logs or exceptions were left out because they took more than the limit ``log_bytes``."""
    subrequests: int
    """Calls that it made to the outside: stubs, host functions, ``fetch()``."""
    bindings: dict[str, int]
    """How often it called each binding of its ``env``, by name: ``"AI"``, ``"tools.search"``, ``"STORE.get"`` for a method of a
    host object, ``"globalOutbound"`` for ``fetch()``; beyond 256 names ``"(others)"``."""
    dropped: int
    """Events that the receiver has missed since the one before, because it was too slow."""

    @property
    def path(self) -> str:
        """``namespace/object/facet/…``, or the entrypoint, for messages."""
        if self.namespace is None:
            return self.entrypoint
        return "/".join([self.namespace, self.object_name or self.object_id or "", *self.facets])


def log_guests(event: TailEvent) -> None:
    """Passes what guests log, and what they throw, on to the logger ``facetbox.guest``.

    For ``open(on_tail=facetbox.log_guests)``. Each record has the whole event as ``tail_event``.
    """
    extra = {"tail_event": event}
    for line in event.logs:
        _guest.log(_LEVELS[line.level], "%s: %s", event.path, line.message, extra=extra)
    for thrown in event.exceptions:
        where = f"\n{thrown.stack}" if thrown.stack else ""
        text = f"{thrown.name}: {thrown.message}{where}"
        _guest.error("%s: uncaught %s", event.path, text, extra=extra)
