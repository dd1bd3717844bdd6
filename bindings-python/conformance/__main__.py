"""Runs cases: ``python -m conformance HOST --guest GUEST --only NAME [--only NAME ...] FILE``.

``HOST`` is ``python`` or ``aio``. Ends with 0 and without a word if the cases pass, with 1 and the reason
if one doesn't, with 3 and the reason if Python can't express one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from . import world
from .case import SLOWNESS, Case, meets
from .values import Inexpressible, argument

TIMEOUT_SECONDS = 30

FAILED, INEXPRESSIBLE = 1, 3


def prepared(step: dict[str, Any]) -> dict[str, Any]:
    """A step with its arguments as values of Python."""
    return {**step, "args": argument(step.get("args") or [])}


def run(case: Case, path: Path) -> None:
    """Runs a case with the blocking package."""
    inside = world.World(case, path)
    for number, step in enumerate(case.json["steps"], 1):
        begin = time.monotonic()
        try:
            outcome = inside.perform(prepared(step))
        except Inexpressible:
            raise
        except Exception as error:
            outcome = error
        judge(number, step, outcome, time.monotonic() - begin)
    inside.close()


async def run_aio(case: Case, path: Path) -> None:
    """Runs a case with asyncio."""
    from . import aio_world  # Here, because it takes its time to load.

    inside = aio_world.World(case, path)
    await inside.open()
    for number, step in enumerate(case.json["steps"], 1):
        begin = time.monotonic()
        try:
            outcome = await inside.perform(prepared(step))
        except Inexpressible:
            raise
        except Exception as error:
            outcome = error
        judge(number, step, outcome, time.monotonic() - begin)
    await inside.close()


def judge(number: int, step: dict[str, Any], outcome: object, seconds: float) -> None:
    """Ends the process if a step has ended otherwise than expected."""
    limit = step.get("max_ms")
    if limit is not None and seconds * 1_000 > limit * SLOWNESS:
        finish(FAILED, f"step {number}: {step}\n  took {seconds:.3f} s")
    if not meets(step, outcome):
        shown = repr(outcome)
        if isinstance(outcome, BaseException):
            fields = vars(outcome)
            shown = f"{type(outcome).__name__} {fields}"
        finish(FAILED, f"step {number}: {str(step)[:800]}\n  got: {shown[:800]}")


def finish(code: int, reason: str) -> None:
    """Prints a reason and ends the process, whatever still runs in it."""
    print(reason, flush=True)
    os._exit(code)


def run_one(host: str, case: Case) -> None:
    """Runs a case in a directory of its own, unless that takes too long."""
    late = threading.Timer(
        TIMEOUT_SECONDS, finish, (FAILED, f"did not end within {TIMEOUT_SECONDS} s")
    )
    late.daemon = True
    late.start()
    with tempfile.TemporaryDirectory() as directory:
        if host == "aio":
            import asyncio

            asyncio.run(run_aio(case, Path(directory) / "data"))
        else:
            run(case, Path(directory) / "data")
    late.cancel()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host", choices=["python", "aio"])
    parser.add_argument("--guest", choices=["luau", "js"], required=True)
    parser.add_argument("--only", required=True, action="append", metavar="NAME")
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    cases = {case["name"]: case for case in json.loads(args.file.read_text())}
    for name in args.only:
        try:
            run_one(args.host, Case(cases[name], args.guest))
        except Inexpressible as error:
            print(error)
            sys.exit(INEXPRESSIBLE)


main()
