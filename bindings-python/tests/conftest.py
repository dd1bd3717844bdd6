"""What the tests share: a runtime that keeps nothing, and short ways to a guest and to a host class."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import facetbox
import pytest
from facetbox import DurableObject, Limits, Runtime, Stub, WorkerCode

Guest = Callable[..., Stub]
Host = Callable[..., Stub]
Script = Callable[..., "subprocess.CompletedProcess[str]"]

RELAY = """
function App:run(...) return self.env.FUNCTION(...) end
function App:often(times) for _ = 1, times do pcall(self.env.FUNCTION) end end
function App:fail() error("its own") end
function App:echo(value) return value end
"""
"""A guest that calls what it is given."""

CALLER = """
function App:call(...) return self.env.F(...) end
function App:caught(...)
    local ok, e = pcall(self.env.F, ...)
    return if ok then { ok = true } else { ok = false, name = e.name, size = #e.message, code = e.code }
end
function App:keep(times)
    self.kept = self.kept or {}
    for _ = 1, times do
        local _, e = pcall(self.env.F)
        table.insert(self.kept, e)
    end
    return #self.kept
end
function App:reached(names)
    local found = {}
    for _, name in names do
        local ok, e = pcall(self.env.OBJECT[name], self.env.OBJECT)
        if ok or e.code ~= "NOT_FOUND" then table.insert(found, name) end
    end
    return found
end
function App:ping() return "pong" end
"""
"""A guest that does everything that there is to do with a function F and an OBJECT."""

_numbers = itertools.count()


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with facetbox.open() as runtime:
        yield runtime


@pytest.fixture
def guest(runtime: Runtime) -> Guest:
    """Makes a stub of an object whose class is the export `App` of Luau code.

    `body` is what stands between the class's first line and the list of exports.
    """

    def make(body: str, *, limits: Limits | None = None, **options: Any) -> Stub:
        source = f'local App = DurableObject:extend("App")\n{body}\nreturn {{ App = App }}'
        code = WorkerCode("main.luau", {"main.luau": source}, limits=limits, **options)
        cls = runtime.loader().load(code).get_durable_object_class("App")
        return runtime.namespace(f"guest-{next(_numbers)}", cls).get_by_name("it")

    return make


@pytest.fixture
def host(runtime: Runtime) -> Host:
    """Makes a stub of an object whose class is written in Python."""

    def make(cls: type[DurableObject], **options: Any) -> Stub:
        return runtime.namespace(f"host-{next(_numbers)}", cls, **options).get_by_name("it")

    return make


@pytest.fixture
def script() -> Script:
    """Runs a program in a process of its own, which must end by itself."""

    def run(source: str, *args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "ignore", "-c", source, *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return run
