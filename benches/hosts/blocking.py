"""The host program in Python: blocking.py <guests> <data>."""

import json
import sys
import time
from pathlib import Path

import facetbox
from facetbox import DurableObject, FacetOptions, WorkerCode


class Host:
    def ping(self):
        pass


def read_code(guests, guest):
    names = [f"app.{guest}", f"compute.{guest}"]
    modules = {name: (guests / name).read_text() for name in names}
    return WorkerCode(names[0], modules, env={"HOST": Host()})


def supervisor(guests, guest):
    code = read_code(guests, guest)

    class Supervisor(DurableObject):
        def app(self):
            return self.ctx.facets.get("app", self._start)

        def _start(self):
            worker = self.env.LOADER.get("app", lambda: code)
            return FacetOptions(worker.get_durable_object_class("App"))

        def forward(self, method, *args):
            return self.app().call(method, *args)

        def loop(self, job):
            app, method, args = self.app(), job["method"], job["args"]
            begin = time.perf_counter()
            if job["loop"] == "fetch":
                for _ in range(job["count"]):
                    app.fetch("http://app/").text()
            else:
                for _ in range(job["count"]):
                    app.call(method, *args)
            return time.perf_counter() - begin

    return Supervisor


def measure(runtime, job):
    one = runtime.get_namespace(job["guest"]).get_by_name("one")
    if job["loop"] != "through":
        return one.loop(job)
    begin = time.perf_counter()
    for _ in range(job["count"]):
        one.forward(job["method"], *job["args"])
    return time.perf_counter() - begin


def main():
    guests, data = Path(sys.argv[1]), sys.argv[2]
    # A loop makes more calls in one event than is allowed by default.
    with facetbox.open(data, limits=facetbox.Limits(subrequests=100_000_000)) as runtime:
        for guest in ["luau", "js"]:
            runtime.namespace(guest, supervisor(guests, guest))
        for line in sys.stdin:
            try:
                answer = {"seconds": measure(runtime, json.loads(line))}
            except Exception as error:
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)


main()
