"""Exceptions that functions of the host raise, on their way through guests."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import facetbox
import pytest
from conftest import CALLER, Guest


class Base(BaseException):
    pass


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Interrupting(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Endless(Exception):
    def __str__(self) -> str:
        return str(self)


class NoText(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]


class Huge(Exception):
    def __str__(self) -> str:
        return "€" * (20 << 20)


class Closed(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Liar(facetbox.GuestError):
    @property
    def code(self) -> str:
        raise RuntimeError("no code")

    @code.setter
    def code(self, code: str) -> None: ...


def cyclic() -> BaseException:
    first, second = LookupError("first"), LookupError("second")
    first.__cause__, second.__cause__ = second, first
    second.__context__ = first
    return first


EXCEPTIONS = [
    Base("base"),
    GeneratorExit(),
    KeyboardInterrupt(),
    SystemExit(3),
    asyncio.CancelledError(),
    StopIteration(5),
    StopAsyncIteration(),
    MemoryError(),
    RecursionError(),
    Unprintable(),
    Interrupting(),
    Endless(),
    NoText(),
    Huge(),
    Closed(),
    Liar("liar"),
    Exception("\ud800"),
    type("Evil\nName", (Exception,), {})("text"),
    facetbox.Error("unknown", code="NO_SUCH_CODE"),
    facetbox.LimitError("of another", code="LIMIT_CPU"),
    facetbox.ClosedError("of another", code="CLOSED"),
    cyclic(),
]


def test_whatever_a_function_raises_is_an_error_in_the_guest_and_comes_out_as_itself(guest: Guest) -> None:
    def function(index: int) -> None:
        raise EXCEPTIONS[index]

    app = guest(CALLER, env={"F": function})
    for index, exception in enumerate(EXCEPTIONS):
        seen = app.caught(index)
        assert seen["ok"] is False and seen["size"] <= 64 << 10, type(exception)
        with pytest.raises(type(exception)) as caught:
            app.call("call", index)
        assert caught.value is exception


def test_a_guest_that_keeps_errors_keeps_no_exception_of_the_host(guest: Guest) -> None:
    alive: list[weakref.ref[BaseException]] = []

    class Costly(Exception):
        pass

    def function() -> None:
        held = bytes(1 << 20)
        exception = Costly(len(held))
        alive.append(weakref.ref(exception))
        raise exception

    app = guest(CALLER, env={"F": function})
    assert app.keep(300) == 300
    assert app.keep(300) == 600
    gc.collect()
    assert [ref for ref in alive if ref() is not None] == []
