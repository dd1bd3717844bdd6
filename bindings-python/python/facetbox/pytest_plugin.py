"""Fixtures for tests of supervisors and guests; pytest finds them when the package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import facetbox
from facetbox import ManualClock, Runtime

_START_MS = 1_800_000_000_000


@pytest.fixture
def facetbox_clock() -> ManualClock:
    """A clock that stands still, at 2027-01-15T08:00:00Z, until the test moves it."""
    return ManualClock(_START_MS)


@pytest.fixture
def facetbox_path(tmp_path: Path) -> Path:
    """The data directory of ``facetbox_runtime``."""
    return tmp_path / "facetbox"


@pytest.fixture
def facetbox_restart(
    facetbox_path: Path, facetbox_clock: ManualClock
) -> Iterator[Callable[[], Runtime]]:
    """Closes the test's runtime, if one is open, and opens one on the same data with the same clock.

    Namespaces have to be bound again, as after a restart of the process. Alarms are manual: they fire in
    ``run_due_alarms()``.
    """
    opened: list[Runtime] = []

    def restart() -> Runtime:
        for runtime in opened:
            runtime.close()
        runtime = facetbox.open(
            facetbox_path, durability="none", clock=facetbox_clock, alarms="manual"
        )
        opened[:] = [runtime]
        return runtime

    yield restart
    for runtime in opened:
        runtime.close()


@pytest.fixture
def facetbox_runtime(facetbox_restart: Callable[[], Runtime]) -> Runtime:
    """A runtime of the test's own, empty and on disk, whose clock is ``facetbox_clock``."""
    return facetbox_restart()
