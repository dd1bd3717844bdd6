"""Nothing grows, whatever is called and in whatever order handles go."""

from __future__ import annotations

import asyncio
import gc
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import facetbox
import pytest
from facetbox import DurableObject, FacetOptions, Runtime, WorkerCode, aio

CODE = """
local App = DurableObject:extend("App")
function App:echo(value) return value end
function App:fail() error("no") end
return { App = App }
"""

VALUE = {"a": [1, "text", b"bytes"], "b": {"c": None}}


class Supervisor(DurableObject):
    def __init__(self, ctx: facetbox.Ctx, env: facetbox.Env) -> None:
        worker = env.LOADER.load(WorkerCode("c.luau", {"c.luau": CODE}))
        self.options = FacetOptions(worker.get_durable_object_class("App"))

    def echo(self, value: object) -> object:
        self.ctx.storage.kv.put("last", value)
        return self.ctx.facets.get("app", lambda: self.options).echo(value)

    def fail(self) -> object:
        return self.ctx.facets.get("app", lambda: self.options).fail()


class AioSupervisor(aio.DurableObject):
    async def echo(self, value: object) -> object:
        return value


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def growth(rounds: Iterator[None], count: int) -> int:
    """By how many bytes the process grows in `count` rounds, after half as many to warm up."""
    for _ in itertools.islice(rounds, count // 2):
        pass
    gc.collect()
    before = resident_bytes()
    for _ in itertools.islice(rounds, count):
        pass
    gc.collect()
    return resident_bytes() - before


def test_a_hundred_thousand_calls_leave_nothing(tmp_path: Path) -> None:
    with facetbox.open(tmp_path, durability="none") as runtime:
        cls = runtime.loader().load(WorkerCode("c.luau", {"c.luau": CODE}))
        app = runtime.namespace("App", cls.get_durable_object_class("App")).get_by_name("it")

        def rounds() -> Iterator[None]:
            while True:
                app.echo(VALUE)
                yield

        assert growth(rounds(), 100_000) < 4 << 20


def test_supervisors_errors_and_functions_leave_nothing(tmp_path: Path) -> None:
    with facetbox.open(tmp_path, durability="none") as runtime:
        namespace = runtime.namespace("Supervisor", Supervisor)

        def rounds() -> Iterator[None]:
            while True:
                stub = namespace.get_by_name("it")
                stub.echo(VALUE)
                assert callable(stub.echo)
                with pytest.raises(facetbox.GuestError):
                    stub.fail()
                yield

        assert growth(rounds(), 4_000) < 4 << 20


def test_calls_of_a_loop_leave_nothing(tmp_path: Path) -> None:
    async def main() -> int:
        async with aio.open(tmp_path, durability="none") as runtime:
            stub = runtime.namespace("A", AioSupervisor).get_by_name("it")

            async def calls(count: int) -> None:
                for _ in range(count):
                    await stub.echo(VALUE)

            await calls(4_000)
            gc.collect()
            before = resident_bytes()
            await calls(8_000)
            gc.collect()
            return resident_bytes() - before

    assert asyncio.run(main()) < 4 << 20


def test_handles_may_go_in_any_order() -> None:
    makers: list[Callable[[Runtime], object]] = [
        lambda runtime: runtime.namespace("S", Supervisor),
        lambda runtime: runtime.get_namespace("S").get_by_name("it"),
        lambda runtime: runtime.get_namespace("S").get_by_name("it").echo,
        lambda runtime: runtime.loader().load(WorkerCode("c.luau", {"c.luau": CODE})),
        lambda runtime: iter(runtime.get_namespace("S")),
    ]
    for order in itertools.permutations(range(len(makers) + 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            runtime = facetbox.open(threads=1)
            handles: list[object] = [make(runtime) for make in makers]
            handles.append(runtime)
            del runtime
            for index in order:
                handles[index] = None


def test_a_runtime_that_is_forgotten_warns() -> None:
    with pytest.warns(ResourceWarning, match="unclosed Runtime"):
        facetbox.open()
        gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        facetbox.open().close()
        gc.collect()
