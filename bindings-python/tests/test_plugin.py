"""The pytest plugin, in a test session of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = '''
from facetbox import DurableObject

class Reminder(DurableObject):
    def set(self, time):
        self.ctx.storage.set_alarm(time)
    def alarm(self, info):
        self.ctx.storage.kv.put("fired", info.scheduled_time)
    def fired(self):
        return self.ctx.storage.kv.get("fired")

def test_a_clock_moves_the_runtime(facetbox_runtime, facetbox_clock):
    stub = facetbox_runtime.namespace("Reminder", Reminder).get_by_name("x")
    due = facetbox_clock.now_ms + 1_000
    stub.set(due)
    assert facetbox_runtime.run_due_alarms() == 0
    facetbox_clock.advance(1)
    assert facetbox_runtime.run_due_alarms() == 1
    assert stub.fired() == due

def test_a_restart_keeps_data_and_clock(facetbox_runtime, facetbox_restart, facetbox_clock):
    stub = facetbox_runtime.namespace("Reminder", Reminder).get_by_name("x")
    assert stub.fired() is None
    stub.set(facetbox_clock.now_ms)
    again = facetbox_restart()
    stub = again.namespace("Reminder", Reminder).get_by_name("x")
    assert again.run_due_alarms() == 1
    assert stub.fired() == facetbox_clock.now_ms
'''


def test_its_fixtures_are_found_without_a_conftest(tmp_path: Path) -> None:
    (tmp_path / "test_platform.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout + done.stderr
