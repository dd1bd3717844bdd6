"""Attacks that a Python program can make, or only it can see: values, names, files.

docs/host-attacks.md says which test stands for which.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import facetbox
import pytest
from conftest import RELAY, Guest, Host, Script
from facetbox import DurableObject, Limits, Namespace, Runtime, WorkerCode

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i FROM n"


class Box(DurableObject):
    def put(self, value: object) -> None:
        self.ctx.storage.kv.put("value", value)

    def get(self) -> object:
        return self.ctx.storage.kv.get("value")


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Namespace]:
    with facetbox.open(tmp_path / "data", durability="none") as runtime:
        boxes = runtime.namespace("boxes", Box)
        boxes.get_by_name("it").put("kept")
        yield boxes


def kept(boxes: Namespace) -> None:
    assert boxes.get_by_name("it").get() == "kept"




def test_l051_s010_errors_show_nothing_of_the_host(boxes: Namespace, tmp_path: Path) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: boxes.query(boxes.id_from_name("it"), "SELECT * FROM nothing"),
        lambda: boxes.query(boxes.id_from_name("it"), "ATTACH 'x' AS y"),
        lambda: boxes.get_by_name("it").put(object()),
        lambda: boxes.get_by_name("it").nope(),
    ]
    for attempt in attempts:
        with pytest.raises(facetbox.Error) as caught:
            attempt()
        text = f"{caught.value} {getattr(caught.value, 'stack', '')}"
        for shown in (str(tmp_path), ".rs:", "0x0000", "rusqlite", "mlua"):
            assert shown not in text


def test_l089_s059_f005_closing_ends_a_statement_and_leaves_the_data_whole(tmp_path: Path) -> None:
    source = f"""
local App = DurableObject:extend("App")
function App:make() self.ctx.storage.sql:exec("CREATE TABLE t(i); INSERT INTO t VALUES (0)") end
function App:burn() self.env.STARTED() self.ctx.storage.sql:exec("{ENDLESS}") end
function App:rows() return self.ctx.storage.sql:exec("SELECT count(*) AS n FROM t"):one().n end
return {{ App = App }}"""
    started = threading.Event()

    def bind(runtime: Runtime) -> facetbox.Stub:
        code = WorkerCode("m.luau", {"m.luau": source}, env={"STARTED": lambda: started.set()})
        cls = runtime.loader().load(code).get_durable_object_class("App")
        return runtime.namespace("a", cls, limits={"cpu_ms": 60_000, "wall_ms": 60_000}).get_by_name("it")

    for _ in range(3):
        started.clear()
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        runtime = facetbox.open(tmp_path / "data")
        app = bind(runtime)
        app.make()
        codes: list[str] = []

        def burn(app: facetbox.Stub = app, codes: list[str] = codes) -> None:
            try:
                app.burn()
            except facetbox.Error as error:
                codes.append(error.code)

        thread = threading.Thread(target=burn)
        thread.start()
        assert started.wait(30)
        runtime.close()
        thread.join(30)
        assert not thread.is_alive() and len(codes) == 1
        with facetbox.open(tmp_path / "data") as again:
            assert again.verify().problems == []
            assert bind(again).rows() == 1


def test_s053_places_that_are_no_export_are_not_imported(boxes: Namespace, tmp_path: Path) -> None:
    good = tmp_path / "good"
    boxes.export(boxes.id_from_name("it"), good)
    database = next(path for path in good.rglob("*.sqlite"))
    bad: list[Path] = [Path("/dev/zero"), Path("/dev/null"), tmp_path / "missing", database]
    data = database.read_bytes()
    for name, changed in {
        "random": os.urandom(len(data)),
        "cut": data[: len(data) // 2],
        "empty": b"",
        "overwritten": data[:100] + os.urandom(400) + data[500:],
    }.items():
        copy = tmp_path / name
        shutil.copytree(good, copy)
        (copy / database.relative_to(good)).write_bytes(changed)
        bad.append(copy)
    if hasattr(os, "mkfifo"):
        shutil.copytree(good, tmp_path / "pipe")
        (tmp_path / "pipe" / database.relative_to(good)).unlink()
        os.mkfifo(tmp_path / "pipe" / database.relative_to(good))
        bad.append(tmp_path / "pipe")
    for place in bad:
        with pytest.raises(facetbox.Error):
            boxes.import_(boxes.id_from_name("new"), place)
        assert not boxes.exists(boxes.id_from_name("new"))
    kept(boxes)


def test_f011_a_host_function_may_harm_the_object_that_runs_it(tmp_path: Path) -> None:
    with facetbox.open(tmp_path / "data", durability="none") as runtime:
        harm: dict[str, Callable[[], object]] = {}
        code = WorkerCode(
            "m.luau",
            {"m.luau": f'local App = DurableObject:extend("App")\n{RELAY}\nreturn {{ App = App }}'},
            env={"FUNCTION": lambda how: harm[how]()},
        )
        cls = runtime.loader().load(code).get_durable_object_class("App")
        apps = runtime.namespace("apps", cls)
        id = apps.id_from_name("it")
        harm["delete"] = lambda: apps.delete(id)
        harm["export"] = lambda: apps.export(id, tmp_path / "export")
        harm["import"] = lambda: apps.import_(id, tmp_path / "export")
        harm["query"] = lambda: len(apps.query(id, "SELECT 1").rows)
        for how in harm:
            try:
                apps.get_by_name("it").run(how)
            except facetbox.Error as error:
                assert error.code != "PANIC"
            gc.collect()
            assert apps.get_by_name("it").echo(how) == how


def hostile() -> Iterator[object]:
    cycle: list[object] = []
    cycle.append(cycle)
    yield cycle
    loop: dict[str, object] = {}
    loop["me"] = [loop]
    yield loop
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    yield deep
    yield (n for n in iter(int, 1))
    yield {1: object()}
    yield object()
    yield {"a": 1 << 4000, "b": object}
    yield "\ud800"
    yield {"\udfff": 1}

    class Keys(dict):  # type: ignore[type-arg]
        def keys(self) -> Any:
            raise RuntimeError("keys")

        def items(self) -> Any:
            return iter(lambda: ("k", 1), 0)

        def __getitem__(self, key: object) -> Any:
            raise RuntimeError("getitem")

        def __len__(self) -> int:
            return -1

    yield Keys(a=object())

    class Items(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter(int, 1)

        def __len__(self) -> int:
            return 1 << 62

    yield Items([object()])


def test_f015_f017_hostile_values_are_refused_everywhere(guest: Guest, host: Host) -> None:
    app, box = guest(RELAY), host(Box)
    attempts: list[Callable[[Any], object]] = [
        lambda v: app.echo(v),
        lambda v: app.echo([1, {"a": v}]),
        lambda v: box.put(v),
        lambda v: guest(RELAY, env={"A": v}).echo(1),
    ]
    for value in hostile():
        for attempt in attempts:
            with pytest.raises((facetbox.Error, TypeError, UnicodeEncodeError, RuntimeError)) as caught:
                attempt(value)
            assert not isinstance(caught.value, RecursionError)
    assert app.echo([1, {"a": None}]) == [1, {"a": None}]
    assert box.get() is None


def test_f021_limits_that_are_none_are_refused(runtime: Runtime) -> None:
    values: list[Any] = [0, -1, 2**64, float("nan"), float("inf"), "1", [], 0.5]
    for value in values:
        for name in ("cpu_ms", "wall_ms", "memory_bytes", "storage_bytes", "message_bytes"):
            with pytest.raises((facetbox.InvalidArgument, TypeError)):
                runtime.namespace("a", Box, limits={name: value})  # type: ignore[arg-type]
    tiny = Limits(memory_bytes=1)
    with pytest.raises(facetbox.Error):
        code = WorkerCode("a.luau", {"a.luau": "return {}"}, limits=tiny)
        cls = runtime.loader().load(code).get_durable_object_class("App")
        runtime.namespace("b", cls).get_by_name("it").hello()


def test_d002_names_that_are_no_unicode_are_refused(runtime: Runtime, boxes: Namespace) -> None:
    attempts: list[Callable[[Any], object]] = [
        lambda name: runtime.namespace(name, Box),
        lambda name: boxes.get_by_name(name),
        lambda name: boxes.id_from_name(name),
        lambda name: boxes.get_by_name("it").call(name),
        lambda name: runtime.loader().get(name, lambda: WorkerCode("a", {})),
    ]
    for attempt in attempts:
        for name in ("\ud800", "a\udcff", b"bytes", 5):
            with pytest.raises((UnicodeEncodeError, TypeError, facetbox.Error)):
                attempt(name)


def test_d011_a_directory_whose_holder_was_killed_opens_at_once(script: Script, tmp_path: Path) -> None:
    done = script(
        "import facetbox, os, sys; facetbox.open(sys.argv[1]); os.kill(os.getpid(), 9)", tmp_path / "data"
    )
    assert done.returncode == -9
    (tmp_path / "data" / "LOCK").write_text(f"{os.getpid()}\n")
    facetbox.open(tmp_path / "data").close()


def test_d012_another_sqlite_reads_the_live_file(boxes: Namespace, tmp_path: Path) -> None:
    database = next((tmp_path / "data" / "objects").rglob("data.sqlite"))
    stub = boxes.get_by_name("it")
    for n in range(50):
        stub.put(n)
        try:
            with sqlite3.connect(database, timeout=0) as other:
                other.execute("SELECT * FROM _fb_kv").fetchall()
        except sqlite3.OperationalError as error:
            assert "locked" in str(error)
        other.close()
    stub.put("kept")
    kept(boxes)


def test_d020_exports_go_to_new_places_outside_only(boxes: Namespace, tmp_path: Path) -> None:
    id = boxes.id_from_name("it")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    (tmp_path / "file").write_text("mine")
    for place in ("full", "link", "file", "data", "data/objects/x", "missing/deeper"):
        with pytest.raises(facetbox.Error):
            boxes.export(id, tmp_path / place)
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"
    assert os.listdir(tmp_path / "full") == ["mine"]
    kept(boxes)
