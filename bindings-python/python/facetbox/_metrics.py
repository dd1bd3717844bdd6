"""What a runtime has done, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """How values are spread over fixed ranges."""

    bounds: list[float]
    """The upper bounds of the ranges."""
    counts: list[int]
    """How many values were at most the bound of the same index, and above the one before; the last number
    is of those above all bounds."""
    sum: float
    """The sum of all values."""

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)


@dataclass(frozen=True)
class Metrics:
    """What a runtime has done since it was opened.

    The numbers are read one after the other while events go on, so they may be apart by what happened
    meanwhile.
    """

    events: dict[tuple[str, str], int]
    """Events by kind and outcome, as ``TailEvent`` has them."""
    errors: dict[str, int]
    """Failed events by the code of their error."""
    bindings: dict[str, int]
    """How often the bindings of guests' ``env`` were called, by names as in ``TailEvent``; beyond 256 names ``"(others)"``."""
    cpu_ms: Histogram
    """CPU time of guests for each event, in milliseconds."""
    wall_ms: Histogram
    """Time from delivery to answer of each event, in milliseconds."""
    starts: int
    """Instances that were started."""
    hibernations: int
    """Instances that were dropped because they were idle."""
    evictions: int
    """Instances that were dropped because too many were warm."""
    alarms_fired: int
    """Alarms whose handler ran."""
    alarms_retried: int
    """Alarms that failed and are tried again."""
    alarms_failed: int
    """Alarms that were given up after their last retry."""
    loads: int
    """Codes that were loaded."""
    cache_hits: int
    """Codes that a loader found in its cache."""
    log_bytes: int
    """Log text of guests in bytes, without what was cut."""
    tail_events: int
    """Tail events that were put into a listener's queue."""
    tail_events_dropped: int
    """Tail events that were dropped because a listener was too slow."""
    warm_actors: int
    """Objects, facets and entrypoints that have an instance now."""
    open_databases: int
    """Databases that are open now."""
