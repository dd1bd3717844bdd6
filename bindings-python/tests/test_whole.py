"""Whole objects: list, exists, usage, delete, export, import, query, verify."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import facetbox
import pytest
from facetbox import (
    DurableObject,
    FacetOptions,
    Namespace,
    ObjectInfo,
    QueryRows,
    Runtime,
    Usage,
    WorkerCode,
)

APP = """
local App = DurableObject:extend("App")
function App:put(key, value) self.ctx.storage.kv:put(key, value) end
function App:get(key) return self.ctx.storage.kv:get(key) end
return { App = App }
"""


class Box(DurableObject):
    def put(self, key: str, value: object) -> None:
        self.ctx.storage.kv.put(key, value)

    def get(self, key: str) -> object:
        return self.ctx.storage.kv.get(key)

    def app_put(self, key: str, value: object) -> None:
        self._app().put(key, value)

    def app_get(self, key: str) -> object:
        return self._app().get(key)

    def app_exists(self) -> list[object]:
        return [self._app().exists(), self.ctx.facets.exists("app")]

    def app_usage(self) -> list[int]:
        usage, same = self.ctx.facets.usage("app"), self._app().usage()
        assert usage == same
        return [usage.storage_bytes, usage.facets, usage.rows_written]

    def app_export(self, path: str) -> None:
        self.ctx.facets.export("app", path)

    def _app(self) -> facetbox.Stub:
        return self.ctx.facets.get("app", self._start)

    def _start(self) -> FacetOptions:
        worker = self.env.LOADER.load(WorkerCode("a.luau", {"a.luau": APP}))
        return FacetOptions(worker.get_durable_object_class("App"))


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """Replaces the one of all tests: with files."""
    with facetbox.open(tmp_path / "data", durability="none") as runtime:
        yield runtime


@pytest.fixture
def boxes(runtime: Runtime) -> Namespace:
    return runtime.namespace("boxes", Box)


def test_objects_with_data_are_listed_page_by_page(boxes: Namespace) -> None:
    names = {f"box-{n}" for n in range(5)}
    for name in names:
        boxes.get_by_name(name).put("k", 1)
    boxes.get_by_name("empty").get("k")
    first = boxes.list(limit=3)
    rest = boxes.list(after=first[-1].id, limit=3)
    assert (len(first), len(rest)) == (3, 2)
    assert {info.name for info in first + rest} == names
    assert list(boxes) == boxes.list() == first + rest
    assert first == sorted(first, key=lambda info: str(info.id))
    assert isinstance(first[0], ObjectInfo) and first[0].id.name == first[0].name
    assert boxes.list(limit=0) == []


def test_an_iterator_reads_more_than_one_page(runtime: Runtime) -> None:
    boxes = runtime.namespace("many", Box)
    for n in range(1_003):
        boxes.get_by_name(str(n)).put("k", n)
    assert [info.id for info in boxes] == [info.id for info in boxes.list(limit=2_000)]
    assert len({info.id for info in boxes}) == 1_003


def test_an_object_exists_once_it_has_written_and_until_it_is_deleted(boxes: Namespace) -> None:
    box = boxes.get_by_name("x")
    id = boxes.id_from_name("x")
    assert (boxes.exists(id), box.exists()) == (False, False)
    box.app_put("k", 1)
    assert (boxes.exists(id), box.exists()) == (True, True)
    boxes.delete(id)
    assert (boxes.exists(id), box.exists(), list(boxes)) == (False, False, [])
    with pytest.raises(facetbox.AbortedError, match="Object was deleted."):
        box.get("k")
    assert boxes.get_by_name("x").app_get("k") is None
    boxes.delete(id)


def test_usage_counts_bytes_and_facets(boxes: Namespace) -> None:
    box, id = boxes.get_by_name("x"), boxes.id_from_name("x")
    assert boxes.usage(id) == box.usage() == Usage(*[0] * 9)
    box.app_put("k", b"x" * 100_000)
    assert box.app_exists() == [True, True]
    whole = boxes.usage(id)
    storage_bytes, facets, written = box.app_usage()
    assert (whole.facets, facets, written) == (1, 0, 1)
    assert whole.storage_bytes > storage_bytes > 100_000


def test_an_export_imports_as_another_object(boxes: Namespace, tmp_path: Path) -> None:
    box = boxes.get_by_name("x")
    box.put("k", 1)
    box.app_put("k", [2])
    boxes.export(boxes.id_from_name("x"), tmp_path / "whole")
    box.app_export(str(tmp_path / "app"))
    assert (tmp_path / "whole" / "manifest.json").exists()

    boxes.import_(boxes.id_from_name("y"), tmp_path / "whole")
    copy = boxes.get_by_name("y")
    assert (copy.get("k"), copy.app_get("k")) == (1, [2])
    boxes.import_(boxes.id_from_name("z"), tmp_path / "app")
    assert boxes.get_by_name("z").get("k") == [2]


def test_export_and_import_refuse_what_would_overwrite(boxes: Namespace, tmp_path: Path) -> None:
    id = boxes.id_from_name("x")
    with pytest.raises(facetbox.NotFoundError):
        boxes.export(id, tmp_path / "new")
    boxes.get_by_name("x").put("k", 1)
    with pytest.raises(facetbox.InvalidArgument, match="exists"):
        boxes.export(id, tmp_path)
    boxes.export(id, tmp_path / "new")
    with pytest.raises(facetbox.InvalidArgument, match="delete it first"):
        boxes.import_(id, tmp_path / "new")
    with pytest.raises(facetbox.StorageError):
        boxes.import_(boxes.id_from_name("y"), tmp_path / "data")


def test_a_query_reads_the_object_or_a_facet(boxes: Namespace) -> None:
    box, id = boxes.get_by_name("x"), boxes.id_from_name("x")
    box.put("a", 1)
    box.app_put("b", "two")
    sql = "SELECT key, value FROM _fb_kv WHERE key >= ?"
    assert boxes.query(id, sql, "a") == QueryRows(["key", "value"], [["a", 1]], False)
    assert boxes.query(id, sql, "a", facets=["app"]).rows == [["b", "two"]]
    with pytest.raises(facetbox.InvalidArgument):
        boxes.query(id, "DELETE FROM _fb_kv")
    with pytest.raises(facetbox.NotFoundError):
        boxes.query(id, sql, "a", facets=["nobody"])
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10001) SELECT i FROM n"
    answer = boxes.query(id, many)
    assert (len(answer.rows), answer.truncated) == (10_000, True)


def test_ids_of_another_namespace_are_refused(boxes: Namespace, runtime: Runtime) -> None:
    foreign = runtime.namespace("other", Box).id_from_name("x")
    for refused in (
        lambda: boxes.list(foreign),
        lambda: boxes.exists(foreign),
        lambda: boxes.delete(foreign),
        lambda: boxes.usage(foreign),
        lambda: boxes.export(foreign, "x"),
        lambda: boxes.import_(foreign, "x"),
        lambda: boxes.query(foreign, "SELECT 1"),
    ):
        with pytest.raises(facetbox.InvalidArgument, match="not valid for this namespace"):
            refused()
    with pytest.raises(facetbox.InvalidArgument, match="limit must be 0 or more, got -1"):
        boxes.list(limit=-1)


def test_entrypoints_have_no_data(runtime: Runtime) -> None:
    source = 'local E = WorkerEntrypoint:extend("E")\nreturn { default = E }'
    stub = runtime.loader().load(WorkerCode("e.luau", {"e.luau": source})).get_entrypoint()
    for operation in (stub.exists, stub.usage):
        with pytest.raises(facetbox.UnsupportedError, match="stateless"):
            operation()


def test_verify_finds_a_damaged_database(boxes: Namespace, runtime: Runtime, tmp_path: Path) -> None:
    boxes.get_by_name("x").app_put("k", 1)
    report = runtime.verify()
    assert (report.objects, report.databases, report.problems) == (1, 2, [])
    runtime.close()
    (victim,) = (tmp_path / "data" / "objects").glob("*/*/*/data.sqlite")
    victim.write_bytes(b"no database" * 1_000)
    with facetbox.open(tmp_path / "data") as again:
        (problem,) = again.verify().problems
        assert problem.path.name == "data.sqlite" and problem.message


@pytest.mark.parametrize(
    ("option", "value", "least"), [("idle_ms", -1, 0), ("max_warm", -1, 0), ("threads", 0, 1)]
)
def test_options_out_of_range_are_refused(option: str, value: int, least: int) -> None:
    with pytest.raises(facetbox.InvalidArgument, match=f"{option} must be {least} or more"):
        facetbox.open(**{option: value})  # type: ignore[arg-type]


def test_beyond_max_warm_instances_are_dropped() -> None:
    starts: list[str] = []

    class Counted(DurableObject):
        def __init__(self, ctx: facetbox.Ctx, env: facetbox.Env) -> None:
            starts.append("started")

        def ping(self) -> None:
            pass

    with facetbox.open(max_warm=1, idle_ms=600_000) as runtime:
        counted = runtime.namespace("a", Counted)
        for name in ("x", "y", "x"):
            counted.get_by_name(name).ping()
        assert len(starts) == 3
        counted.get_by_name("x").ping()
        assert len(starts) == 3


class Interrupted(Exception):
    pass


def test_a_signal_interrupts_alarms_and_queries() -> None:
    entered, release = threading.Event(), threading.Event()

    class Slow(DurableObject):
        def alarm(self, info: facetbox.AlarmInfo) -> None:
            pass

        def hold(self) -> None:
            self.ctx.storage.set_alarm(1)
            self.ctx.storage.sync()
            entered.set()
            release.wait(30)

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    with facetbox.open(alarms="manual") as runtime, ThreadPoolExecutor(1) as threads:
        slow = runtime.namespace("slow", Slow)
        holding = threads.submit(slow.get_by_name("x").hold)
        try:
            assert entered.wait(30)
            # The object is busy, so both wait.
            id = slow.id_from_name("x")
            for waiting in (runtime.run_due_alarms, lambda: slow.query(id, "SELECT 1")):
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(Interrupted):
                    waiting()
        finally:
            release.set()
            signal.signal(signal.SIGALRM, before)
        holding.result(30)
        assert runtime.run_due_alarms() == 1
