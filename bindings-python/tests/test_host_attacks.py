"""Attacks that a Python program can make, or only it can see: guests, threads, processes.

docs/host-attacks.md says which test stands for which.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import facetbox
import pytest
from conftest import RELAY, Guest, Script
from facetbox import DurableObject, Limits, Runtime, WorkerCode

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_l001_bytecode_is_not_code(runtime: Runtime) -> None:
    for bytecode in ("\x02\x00\x00", "\x06\x03\x01\x00", "\x1bLua"):
        code = WorkerCode("a.luau", {"a.luau": bytecode})
        cls = runtime.loader().load(code).get_durable_object_class("App")
        with pytest.raises(facetbox.LoadError):
            runtime.namespace(f"bytecode-{ord(bytecode[0])}", cls).get_by_name("it").hello()
    with pytest.raises(facetbox.InvalidArgument):
        runtime.loader().load(WorkerCode("a.luau", {"a.luau": {"luau": b"\x06\x03\x01"}}))


def test_l038_l040_j015_recursion_on_small_stacks(script: Script) -> None:
    done = script("""
import facetbox, threading
from facetbox import WorkerCode
SOURCES = {
    "a.luau": "local App = DurableObject:extend('App') function App:down() return 1 + self:down() end return { App = App }",
    "a.js": "import { DurableObject } from 'facetbox'; export class App extends DurableObject { down() { return 1 + this.down(); } }",
    "deep.luau": "return " + "{" * 20_000 + "}" * 20_000,
    "deep.js": "export default " + "[" * 20_000 + "]" * 20_000,
}
with facetbox.open() as runtime:
    for kib in (256, 512):
        threading.stack_size(kib << 10)
        for name, source in SOURCES.items():
            cls = runtime.loader().load(WorkerCode(name, {name: source})).get_durable_object_class("App")
            app = runtime.namespace(f"{name}-{kib}", cls).get_by_name("it")
            def call():
                try:
                    app.down()
                except facetbox.Error as error:
                    print(error.code)
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split().count("LIMIT_STACK") >= 4
    assert len(done.stdout.split()) == 8


def test_l048_f026_files_and_variables_around_the_process_have_no_effect(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("util.luau", "init.luau", ".luaurc", "util.js"):
        (tmp_path / name).write_text("return 'from the directory'")
    monkeypatch.chdir(tmp_path)
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, "/nonexistent/secret-place")
    monkeypatch.setenv("LUA_INIT", "error('ran')")
    monkeypatch.setenv("LUA_PATH", str(tmp_path / "?.luau"))
    before = sorted(os.listdir(tmp_path))
    done = script("""
import facetbox
from facetbox import WorkerCode
SOURCE = '''
local App = DurableObject:extend("App")
function App:look() return { (pcall(require, "./util")), (pcall(require, "util")), os.getenv == nil, io == nil } end
function App:sort()
    local sql = self.ctx.storage.sql
    sql:exec("CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000) SELECT hex(randomblob(40)) AS a FROM n")
    return sql:exec("SELECT count(*) AS n FROM (SELECT a FROM t ORDER BY a LIMIT -1 OFFSET 1)"):one().n
end
return { App = App }'''
with facetbox.open() as runtime:
    cls = runtime.loader().load(WorkerCode("m.luau", {"m.luau": SOURCE})).get_durable_object_class("App")
    app = runtime.namespace("a", cls, limits={"cpu_ms": 20_000}).get_by_name("it")
    print(app.look(), app.sort())
""")
    assert (done.stdout, done.stderr) == ("[False, False, True, True] 59999\n", "")
    assert sorted(os.listdir(tmp_path)) == before


def test_l060_l063_machines_share_neither_addresses_nor_random_numbers(guest: Guest) -> None:
    body = "function App:see() return { tostring({}), tostring(print), math.random(1, 2^30), crypto.randomUUID() } end"
    one, two = guest(body).see(), guest(body).see()
    assert one[2] != two[2] and one[3] != two[3]
    maps = Path("/proc/self/maps").read_text() if sys.platform == "linux" else ""
    spans = [tuple(int(n, 16) for n in line.split()[0].split("-")) for line in maps.splitlines()]
    for text in (*one[:2], *two[:2]):
        shown = int(text.rpartition("0x")[2] or "0", 16) if "0x" in text else 0
        assert not any(low <= shown < high for low, high in spans), text


def executable_pages() -> set[str]:
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    return {line[0] for line in lines if "x" in line[1] and len(line) < 6}


@linux
def test_l087_guests_run_without_executable_memory(guest: Guest) -> None:
    before = executable_pages()
    app = guest(RELAY, env={"FUNCTION": lambda: list(executable_pages() - before)})
    assert app.run() == []


def test_f003_exceptions_that_a_guest_caught_never_come_back(guest: Guest) -> None:
    def function() -> None:
        raise LookupError("of the host")

    app = guest(RELAY, env={"FUNCTION": function})
    app.often(900)
    with pytest.raises(facetbox.GuestError, match="its own"):
        app.fail()
    assert app.echo(1) == 1


def test_f008_one_object_from_64_threads(runtime: Runtime) -> None:
    class Counter(DurableObject):
        def add(self) -> int:
            total = self.ctx.storage.kv.get("n", 0) + 1
            self.ctx.storage.kv.put("n", total)
            return int(total)

    counter = runtime.namespace("counter", Counter).get_by_name("it")
    seen: list[int] = []
    add = [threading.Thread(target=lambda: seen.extend(counter.add() for _ in range(20))) for _ in range(64)]
    for thread in add:
        thread.start()
    for thread in add:
        thread.join(60)
    assert sorted(seen) == list(range(1, 64 * 20 + 1))


def test_f010_a_chain_ends_at_the_depth_limit(runtime: Runtime) -> None:
    depths: list[int] = []

    class Chain(DurableObject):
        def down(self, n: int) -> int:
            depths.append(n)
            return int(runtime.get_namespace("chain").get_by_name(str(n)).down(n + 1))

    with pytest.raises(facetbox.Error) as caught:
        runtime.namespace("chain", Chain).get_by_name("first").down(0)
    assert caught.value.code == "LIMIT_DEPTH"
    assert len(depths) == 100


def test_f012_a_pool_of_forked_processes_is_refused(script: Script, tmp_path: Path) -> None:
    done = script(
        """
import facetbox, multiprocessing, sys
class Box(facetbox.DurableObject):
    def put(self, value): self.ctx.storage.kv.put("value", value)
    def get(self): return self.ctx.storage.kv.get("value")
runtime = facetbox.open(sys.argv[1])
stub = runtime.namespace("boxes", Box).get_by_name("it")
stub.put(1)
def use(_):
    try:
        return stub.get()
    except facetbox.ForkedError as error:
        return error.code
with multiprocessing.get_context("fork").Pool(4) as pool:
    print(set(pool.map(use, range(40))))
stub.put(2)
print(stub.get())
runtime.close()
""",
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{'FORKED'}\n2\n", "")


def test_f014_signals_keep_their_handlers(script: Script) -> None:
    done = script("""
import facetbox, signal
from facetbox import WorkerCode
SOURCE = '''
local App = DurableObject:extend("App")
function App:work() local n = 0 for i = 1, 5e6 do n += i % 7 end return self.ctx.storage.sql:exec("SELECT 1 AS a"):one().a end
return { App = App }'''
counted = 0
def count(*_):
    global counted
    counted += 1
before = {number: signal.getsignal(number) for number in signal.Signals if number not in (signal.SIGPROF,)}
signal.signal(signal.SIGPROF, count)
signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
with facetbox.open() as runtime:
    cls = runtime.loader().load(WorkerCode("m.luau", {"m.luau": SOURCE})).get_durable_object_class("App")
    app = runtime.namespace("a", cls, limits={"cpu_ms": 60_000}).get_by_name("it")
    for _ in range(10):
        assert app.work() == 1
signal.setitimer(signal.ITIMER_PROF, 0)
assert signal.getsignal(signal.SIGPROF) is count
assert all(signal.getsignal(number) == handler for number, handler in before.items())
print(counted > 5)
signal.raise_signal(signal.SIGTERM)
""")
    assert (done.returncode, done.stdout, done.stderr) == (-15, "True\n", "")


def test_f025_a_kept_function_is_counted_and_ends_with_the_runtime(guest: Guest) -> None:
    calls: list[int] = []
    app = guest(
        """
function App:keep() App.kept = self.env.FUNCTION end
function App:use() return App.kept(1) end
function App:flood() local n = 0 while pcall(App.kept, 1) do n += 1 end return n end
""",
        env={"FUNCTION": calls.append},
        limits=Limits(subrequests=50),
    )
    app.keep()
    app.use()
    assert app.flood() == 50
    assert calls == [1] * 51


@linux
def test_x010_kills_leave_threads_and_descriptors_as_before(guest: Guest) -> None:
    app = guest("function App:burn() while true do end end\nfunction App:ok() return 1 end", limits=Limits(cpu_ms=10))

    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def kill() -> None:
        with pytest.raises(facetbox.LimitError):
            app.burn()

    for _ in range(10):
        kill()
    before = count()
    for _ in range(100):
        kill()
    assert app.ok() == 1
    assert count() <= (before[0] + 2, before[1] + 2)
