"""The host program in Python on asyncio: loop.py <guests> <data>."""

import asyncio
import json
import sys
import time
from pathlib import Path

from facetbox import FacetOptions, Limits, WorkerCode, aio


class Host:
    async def ping(self):
        pass


def read_code(guests, guest):
    names = [f"app.{guest}", f"compute.{guest}"]
    modules = {name: (guests / name).read_text() for name in names}
    return WorkerCode(names[0], modules, env={"HOST": Host()})


def supervisor(guests, guest):
    code = read_code(guests, guest)

    class Supervisor(aio.DurableObject):
        def app(self):
            return self.ctx.facets.get("app", self._start)

        async def _start(self):
            worker = await self.env.LOADER.get("app", lambda: code)
            return FacetOptions(worker.get_durable_object_class("App"))

        async def forward(self, method, *args):
            return await self.app().call(method, *args)

        async def loop(self, job):
            app, method, args = self.app(), job["method"], job["args"]
            begin = time.perf_counter()
            if job["loop"] == "fetch":
                for _ in range(job["count"]):
                    (await app.fetch("http://app/")).text()
            else:
                for _ in range(job["count"]):
                    await app.call(method, *args)
            return time.perf_counter() - begin

    return Supervisor


async def parallel(objects, job):
    """So many objects beside each other; the count is that of the calls of all."""
    each = job | {"loop": "call", "count": max(1, round(job["count"] / job["objects"]))}
    stubs = [objects.get_by_name(f"parallel {i}") for i in range(job["objects"])]
    begin = time.perf_counter()
    await asyncio.gather(*(stub.loop(each) for stub in stubs))
    return time.perf_counter() - begin


async def measure(runtime, job):
    objects = runtime.get_namespace(job["guest"])
    if job["loop"] == "parallel":
        return await parallel(objects, job)
    one = objects.get_by_name("one")
    if job["loop"] != "through":
        return await one.loop(job)
    begin = time.perf_counter()
    for _ in range(job["count"]):
        await one.forward(job["method"], *job["args"])
    return time.perf_counter() - begin


async def main():
    guests, data = Path(sys.argv[1]), sys.argv[2]
    # A loop makes more calls in one event than is allowed by default.
    async with aio.open(data, limits=Limits(subrequests=100_000_000)) as runtime:
        for guest in ["luau", "js"]:
            runtime.namespace(guest, supervisor(guests, guest))
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                answer = {"seconds": await measure(runtime, json.loads(line))}
            except Exception as error:
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
