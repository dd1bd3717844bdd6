"""How long a message of 1 MiB, as `message_bytes` counts it, holds up the event loop: written for a guest, and read
from it; milliseconds, the best of five: python values.py [runs=5]"""

import asyncio
import datetime
import sys
import time

from facetbox import Limits, Request, WorkerCode, aio

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
MIB = 1 << 20
UTC = datetime.timezone.utc


def many(size, item):
    return [item(i) for i in range(MIB // size)]


KINDS = {
    "numbers": lambda: many(8, lambda i: i),
    "texts of 8 bytes": lambda: many(16, lambda i: str(10_000_000 + i)),
    "maps of three fields": lambda: many(64, lambda i: {"id": i, "sum": i + 0.5, "done": True}),
    "one map": lambda: dict(many(24, lambda i: (str(10_000_000 + i), i))),
    "empty lists": lambda: many(8, lambda _: []),
    "dates": lambda: many(8, lambda i: datetime.datetime.fromtimestamp(i, UTC)),
    "errors": lambda: many(1037, lambda _: Exception()),
    "requests": lambda: many(1054, lambda _: Request("http://a/")),
    "text": lambda: "x" * MIB,
    "bytes": lambda: bytes(MIB),
}

CODE = """
import { DurableObject } from "cloudflare:workers";
export class App extends DurableObject { echo(value) { return value; } }
"""


async def held(app, value):
    """How long the loop is held up by a call, and by its answer."""
    answer = asyncio.ensure_future(app.echo(value))
    begin = time.perf_counter()
    await asyncio.sleep(0)
    last = time.perf_counter()
    written, longest = last - begin, 0
    while not answer.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await answer
    return written * 1_000, longest * 1_000


async def main():
    async with aio.open(limits=Limits(cpu_ms=10_000, memory_bytes=1 << 30)) as runtime:
        code = WorkerCode("app.js", {"app.js": CODE})
        cls = runtime.loader().load(code).get_durable_object_class("App")
        app = runtime.namespace("App", cls).get_by_name("a")
        for kind, make in KINDS.items():
            runs = [await held(app, make()) for _ in range(RUNS)]
            print(f"| {kind} | {', '.join(f'{min(run):.1f}' for run in zip(*runs))} |", flush=True)


asyncio.run(main())
