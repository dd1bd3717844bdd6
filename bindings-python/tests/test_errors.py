"""Bad input and failures: each a clear exception with its code, and the process goes on."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import facetbox
import pytest
from conftest import Guest, Host
from facetbox import DurableObject, FacetOptions, Limits, Runtime, WorkerCode, _native


def test_every_code_of_core_has_its_class() -> None:
    names = {cls for _, _, cls, _ in _native.ERROR_CODES}
    for name in names:
        cls = getattr(facetbox, name)
        assert issubclass(cls, facetbox.Error) and cls.__name__ == name
        assert name in facetbox.__all__
    ours = {cls.__name__ for cls in facetbox.Error.__subclasses__()}
    assert ours == names


def test_wrong_arguments_are_value_errors_too() -> None:
    assert issubclass(facetbox.InvalidArgument, ValueError)
    assert issubclass(facetbox.ValueError, ValueError)


def test_errors_survive_pickling() -> None:
    error = facetbox.LimitError("too much", "RangeError", "LIMIT_MEMORY", "main:1", "a/b")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is facetbox.LimitError
    assert copy.__dict__ == error.__dict__
    assert str(copy) == "too much"


def test_an_unknown_namespace(runtime: Runtime) -> None:
    with pytest.raises(facetbox.NotFoundError, match='"nope"') as caught:
        runtime.get_namespace("nope")
    assert caught.value.code == "NOT_FOUND"


def test_a_class_that_is_none(runtime: Runtime) -> None:
    for cls in (int, "App", None):
        with pytest.raises(facetbox.InvalidArgument, match="subclass of facetbox.DurableObject"):
            runtime.namespace("a", cls)  # type: ignore[arg-type]


def test_a_namespace_bound_twice_or_without_a_name(runtime: Runtime) -> None:
    runtime.namespace("a", DurableObject)
    for name in ("a", "", "a\0b"):
        with pytest.raises(facetbox.InvalidArgument):
            runtime.namespace(name, DurableObject)


def test_an_unknown_method(guest: Guest, host: Host) -> None:
    for app in (guest(""), host(DurableObject)):
        with pytest.raises(facetbox.NotFoundError, match='method "nope"') as caught:
            app.nope()
        assert (caught.value.code, caught.value.name) == ("NOT_FOUND", "TypeError")


def test_no_fetch_handler(guest: Guest, host: Host) -> None:
    for app in (guest(""), host(DurableObject)):
        with pytest.raises(facetbox.NotFoundError, match=r"fetch\(\)"):
            app.fetch("http://app/")


def test_an_unknown_export(runtime: Runtime) -> None:
    worker = runtime.loader().load(WorkerCode("main.luau", {"main.luau": "return {}"}))
    cls = worker.get_durable_object_class("Nope")
    app = runtime.namespace("a", cls).get_by_name("it")
    with pytest.raises(facetbox.NotFoundError, match="Nope") as caught:
        app.hello()
    assert caught.value.code == "NOT_FOUND"


def test_an_unknown_module(guest: Guest) -> None:
    with pytest.raises(facetbox.LoadError, match="nope") as caught:
        guest('require("./nope")').hello()
    assert caught.value.code == "LOAD_ERROR"


def test_a_main_module_that_is_missing(runtime: Runtime) -> None:
    with pytest.raises(facetbox.LoadError, match="nope.luau"):
        runtime.loader().load(WorkerCode("nope.luau", {"main.luau": "return {}"}))


def test_a_module_of_unknown_type(runtime: Runtime) -> None:
    with pytest.raises(facetbox.InvalidArgument, match=r"main\.py"):
        runtime.loader().load(WorkerCode("main.py", {"main.py": "pass"}))
    with pytest.raises(facetbox.UnsupportedError, match="wasm"):
        runtime.loader().load(WorkerCode("m", {"m": {"wasm": b""}}))


def test_code_with_a_syntax_error_names_module_and_line(guest: Guest) -> None:
    with pytest.raises(facetbox.LoadError, match=r"main\.luau:3") as caught:
        guest("\nlocal = 1").hello()
    assert (caught.value.code, caught.value.name) == ("LOAD_ERROR", "SyntaxError")


def test_code_that_is_no_worker_code(runtime: Runtime) -> None:
    with pytest.raises(facetbox.InvalidArgument, match="WorkerCode, got dict"):
        runtime.loader().load({"main.luau": ""})  # type: ignore[arg-type]


GREEDY = """
function App:loop() while true do end end
function App:allocate() local t = {}; while true do table.insert(t, string.rep("x", 1000) .. #t) end end
function App:recurse() return 1 + self:recurse() end
function App:ok() return "ok" end
"""


def test_an_endless_loop(guest: Guest) -> None:
    app = guest(GREEDY, limits=Limits(cpu_ms=50))
    with pytest.raises(facetbox.LimitError, match="50") as caught:
        app.loop()
    assert caught.value.code == "LIMIT_CPU"
    assert app.ok() == "ok"


def test_endless_allocation(guest: Guest) -> None:
    app = guest(GREEDY, limits=Limits(memory_bytes=8 << 20))
    with pytest.raises(facetbox.LimitError, match=str(8 << 20)) as caught:
        app.allocate()
    assert caught.value.code == "LIMIT_MEMORY"
    assert app.ok() == "ok"


def test_endless_recursion(guest: Guest) -> None:
    app = guest(GREEDY)
    with pytest.raises(facetbox.LimitError) as caught:
        app.recurse()
    assert (caught.value.code, caught.value.name) == ("LIMIT_STACK", "RangeError")
    assert app.ok() == "ok"


def test_limits_that_make_no_sense(runtime: Runtime) -> None:
    for limits in ({"cpu": 1}, {"cpu_ms": 0}, {"cpu_ms": -1}, {"cpu_ms": "1"}, {"cpu_ms": 2**64}):
        with pytest.raises(facetbox.InvalidArgument, match="cpu"):
            runtime.namespace("a", DurableObject, limits=limits)  # type: ignore[arg-type]


def test_an_error_of_a_guest_has_its_name_stack_and_place(guest: Guest) -> None:
    app = guest(
        """
        function App:plain() error("it broke") end
        function App:typed() error({ name = "RangeError", message = "too far" }) end
        """
    )
    with pytest.raises(facetbox.GuestError) as caught:
        app.plain()
    error = caught.value
    assert (error.name, error.message, error.code) == ("Error", "main.luau:3: it broke", "GUEST_ERROR")
    assert error.stack is not None and "main.luau:3" in error.stack
    assert error.path is not None and error.path.endswith("/it")
    with pytest.raises(facetbox.GuestError, match="^RangeError: too far"):
        app.typed()


def test_a_directory_in_use_names_the_process(tmp_path: Path) -> None:
    with facetbox.open(tmp_path):
        with pytest.raises(facetbox.InUseError, match=str(os.getpid())) as caught:
            facetbox.open(tmp_path)
        assert caught.value.code == "IN_USE"
        other = "import facetbox, sys\ntry: facetbox.open(sys.argv[1])\nexcept facetbox.InUseError: sys.exit(7)"
        assert subprocess.run([sys.executable, "-c", other, tmp_path], timeout=60).returncode == 7
    facetbox.open(tmp_path).close()


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(facetbox.StorageError, match="file") as caught:
        facetbox.open(tmp_path / "file" / "data")
    assert caught.value.code == "STORAGE"


def test_a_directory_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(facetbox.StorageError, match=r"letter\.txt") as caught:
        facetbox.open(tmp_path)
    assert caught.value.code == "CORRUPT"
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_wrong_options_of_open() -> None:
    with pytest.raises(facetbox.InvalidArgument, match="durability"):
        facetbox.open(durability="most")
    with pytest.raises(facetbox.InvalidArgument, match="threads"):
        facetbox.open(threads=0)


def test_everything_is_refused_after_close() -> None:
    runtime = facetbox.open()
    namespace = runtime.namespace("a", DurableObject)
    stub = namespace.get_by_name("it")
    with pytest.raises(facetbox.NotFoundError):
        stub.hello()
    loader = runtime.loader()
    runtime.close()
    runtime.close()
    worker = loader.load(WorkerCode("m.luau", {"m.luau": "return {}"}))
    for refused in (
        lambda: stub.hello(),
        lambda: stub.fetch("http://app/"),
        lambda: namespace.get_by_name("other").hello(),
        lambda: runtime.namespace("b", DurableObject),
        lambda: runtime.get_namespace("a"),
        lambda: worker.get_entrypoint().hello(),
    ):
        with pytest.raises(facetbox.ClosedError) as caught:
            refused()
        assert caught.value.code == "CLOSED"


class Refused(Exception):
    pass


def test_an_exception_of_a_host_class_comes_out_as_itself(host: Host) -> None:
    refusal = Refused("no")

    class Inner(DurableObject):
        def fail(self) -> None:
            raise refusal

    class Outer(DurableObject):
        def fail(self) -> None:
            self.ctx.facets.get("inner", lambda: FacetOptions(Inner)).fail()

    app = host(Outer)
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            app.fail()
        assert caught.value is refusal
        assert len(caught.traceback) < 10, "raising it again must not make its traceback longer"


def test_an_exception_of_a_constructor_comes_out(host: Host) -> None:
    class Broken(DurableObject):
        def __init__(self, ctx: facetbox.Ctx, env: facetbox.Env) -> None:
            raise Refused("at the start")

    with pytest.raises(Refused, match="at the start"):
        host(Broken).hello()


def test_abort_breaks_the_object_and_a_new_stub_reaches_a_new_one(runtime: Runtime) -> None:
    class Fragile(DurableObject):
        def put(self) -> None:
            self.ctx.storage.kv.put("a", 1)

        def get(self) -> object:
            return self.ctx.storage.kv.get("a")

        def abort(self) -> None:
            self.ctx.storage.kv.put("a", 2)
            self.ctx.abort("enough")

    namespace = runtime.namespace("Fragile", Fragile)
    stub = namespace.get_by_name("it")
    stub.put()
    for call in (stub.abort, stub.get):
        with pytest.raises(facetbox.AbortedError, match="enough") as caught:
            call()
        assert caught.value.code == "ABORTED"
    assert namespace.get_by_name("it").get() == 1


def test_calls_in_a_cycle_end_in_an_error(runtime: Runtime) -> None:
    class Endless(DurableObject):
        def again(self) -> None:
            runtime.get_namespace("Endless").get_by_name("it").again()

    with pytest.raises(facetbox.LimitError) as caught:
        runtime.namespace("Endless", Endless).get_by_name("it").again()
    assert caught.value.code == "LIMIT_DEPTH"
