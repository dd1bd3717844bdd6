"""Functions and objects of the host that do odd things, or are used in odd ways, by guests."""

from __future__ import annotations

import asyncio
import datetime
import functools
import gc
from collections.abc import Callable
from typing import Any

from conftest import CALLER, Guest
from facetbox import Stub


class Traps:
    """What ran although no guest may make it run."""

    ran: list[str] = []

    def __get__(self, instance: object, owner: type | None = None) -> Callable[[], str]:
        self.ran.append("descriptor")
        return lambda: "reached"

    def __call__(self, *_args: object) -> str:
        self.ran.append("call")
        return "reached"

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":
            raise AttributeError(name)
        self.ran.append(name)
        return lambda: "reached"


class CallableOnly:
    __wrapped__ = "what decorators leave"

    def __call__(self, *_args: object) -> str:
        Traps.ran.append("callable")
        return "reached"


class Meta(type):
    def of_the_metaclass(cls) -> str:
        return "reached"


class Tool(metaclass=Meta):
    descriptor = Traps()
    callable_only = CallableOnly()
    partial = functools.partial(str, "reached")
    built_in = print
    type = int
    data = "data"

    def __init__(self) -> None:
        self.of_the_instance = lambda: "reached"

    def __getattr__(self, name: str) -> Any:
        Traps.ran.append(name)
        return lambda: "reached"

    @property
    def accessor(self) -> Callable[[], str]:
        Traps.ran.append("property")
        return lambda: "reached"

    class Nested:
        def __call__(self) -> str:
            return "reached"

    def _private(self) -> str:
        return "reached"

    def __mangled(self) -> str:
        return "reached"

    def open(self) -> str:
        return "open"

    @classmethod
    def of_the_class(cls) -> str:
        return cls.__name__

    @staticmethod
    def static() -> str:
        return "static"

    @functools.wraps(open)
    def decorated(self) -> str:
        return "decorated"


SPECIAL = (
    "__class__ __dict__ __init__ __getattr__ __getattribute__ __setattr__ __reduce__ __reduce_ex__ __subclasshook__ "
    "__wrapped__ __doc__ __module__ __call__ __new__ __del__ mro"
).split()
HIDDEN = (
    "descriptor callable_only partial built_in type data of_the_instance accessor Nested _private _Tool__mangled "
    "of_the_metaclass anything_else open.__globals__ open.__func__ ctx env"
).split()


def test_a_guest_reaches_methods_by_name_and_nothing_runs_to_find_out(guest: Guest) -> None:
    tool = Tool()
    app = guest(CALLER, env={"OBJECT": tool})
    Traps.ran.clear()
    names = [*SPECIAL, *HIDDEN, "", "\0", "open\0", "ｏｐｅｎ", "open", "of_the_class", "static", "decorated"]
    assert app.reached(names) == ["open", "of_the_class", "static", "decorated"]
    assert Traps.ran == []


def test_methods_that_are_changed_are_looked_up_when_they_are_called(guest: Guest) -> None:
    class Changing:
        def open(self) -> str:
            return "old"

    changing = Changing()
    app = guest(CALLER, env={"OBJECT": changing})
    assert app.reached(["open", "late"]) == ["open"]
    Changing.late = lambda self: "late"  # type: ignore[attr-defined]
    changing.__dict__["open"] = lambda: "of the instance"
    del Changing.open
    assert app.reached(["open", "late"]) == ["late"]


class Texts(str):
    def __str__(self) -> str:
        raise RuntimeError

    encode = __str__  # type: ignore[assignment]


class Numbers(int):
    def __index__(self) -> int:
        raise RuntimeError

    __int__ = __index__


class Bytes(bytes):
    def __len__(self) -> int:
        return 1 << 40

    def __bytes__(self) -> bytes:
        raise RuntimeError


class Lists(list[int]):
    def __len__(self) -> int:
        return 1 << 40

    def __iter__(self) -> Any:
        raise RuntimeError

    __getitem__ = __iter__  # type: ignore[assignment]


class Dicts(dict[str, int]):
    def __len__(self) -> int:
        return 1 << 40

    def keys(self) -> Any:
        raise RuntimeError

    items = __iter__ = __getitem__ = keys  # type: ignore[assignment]


class Sets(set[int]):
    def __len__(self) -> int:
        return 1 << 40

    def __iter__(self) -> Any:
        raise RuntimeError


def test_values_are_what_they_are_at_heart_whatever_their_class_says(guest: Guest) -> None:
    expected: list[tuple[object, object]] = [
        (Texts("a"), "a"),
        (Numbers(5), 5),
        (Bytes(b"x"), b"x"),
        (Lists([1, 2]), [1, 2]),
        (Dicts(a=1), {"a": 1}),
        (Sets([1]), {1}),
        (memoryview(b"abcd")[::2], b"ac"),
    ]
    app = guest(CALLER, env={"F": lambda index: expected[index][0]})
    for index, (_, seen) in enumerate(expected):
        assert app.call("call", index) == seen


class NoZone(datetime.tzinfo):
    def utcoffset(self, _when: datetime.datetime | None) -> Any:
        raise RuntimeError("no offset")

    dst = tzname = utcoffset


class ClaimsDict:
    __class__ = property(lambda self: dict)


def refused() -> list[object]:
    cycle: dict[str, Any] = {}
    cycle["a"] = [cycle]
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    big = type("Big", (int,), {"bit_length": lambda self: 1 / 0})(1 << 80)
    when = datetime.datetime(2020, 1, 1, tzinfo=NoZone())
    return [
        *(cycle, deep, big, when, ClaimsDict(), "\ud800", {"\ud800": 1}, (n for n in [1]), iter([]), range(3)),
        *(1j, ..., NotImplemented, asyncio, int, Meta, Tool, Tool(), bytes(33 << 20)),
    ]


def test_answers_that_cannot_cross_are_errors_in_the_guest(guest: Guest) -> None:
    answers = refused()
    app = guest(CALLER, env={"F": lambda index: answers[index]})
    for index, answer in enumerate(answers):
        assert app.caught(index)["ok"] is False, type(answer)


def test_an_answer_is_read_although_it_changes_meanwhile(guest: Guest) -> None:
    class Emptying(Exception):
        def __str__(self) -> str:
            listed.clear()
            mapped.clear()
            gc.collect()
            return "emptied"

    listed: list[object] = []
    mapped: dict[str, object] = {}

    def function(which: str) -> object:
        listed[:] = [Emptying(), 1, [2]]
        mapped.update({"a": Emptying(), "b": [1], "c": 2})
        return listed if which == "list" else mapped

    app: Stub = guest(CALLER, env={"F": function})
    for which in ("list", "dict"):
        assert len(app.call("call", which)) in (1, 3)
