"""Values both ways: through a class in Python, through a guest, through storage."""

from __future__ import annotations

import enum
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

import facetbox
import pytest
from conftest import Guest, Host
from facetbox import DurableObject, Runtime, Stub


class Echo(DurableObject):
    def echo(self, value: object) -> object:
        return value

    def store(self, value: object) -> object:
        self.ctx.storage.kv.put("value", value)
        return self.ctx.storage.kv.get("value")


class Pair(NamedTuple):
    a: int
    b: int


class Number(enum.IntEnum):
    ONE = 1


def test_requests_responses_and_headers_come_back(host: Host) -> None:
    echo = host(Echo)
    request = facetbox.Request("http://a/", method="PUT", headers={"A": "1"}, body=b"asked")
    again = echo.echo(request)
    assert (again.method, again.url, again.headers["a"], again.body) == (
        "PUT",
        "http://a/",
        "1",
        b"asked",
    )
    response = facetbox.Response("said", status=404)
    response.headers.set("b", "2")
    (answer, headers) = echo.echo([response, facetbox.Headers([("a", "1"), ("a", "2")])])
    assert (answer.status, answer.text(), answer.headers["b"]) == (404, "said", "2")
    assert headers.items() == [("a", "1"), ("a", "2")]
    with pytest.raises(facetbox.ValueError, match="response"):
        echo.store([response])


SAME = [
    None,
    True,
    False,
    0,
    -1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**63) - 1,
    2**200,
    -(2**64),
    0.5,
    -0.0,
    math.inf,
    -math.inf,
    "",
    "text with \0, ü and 😀",
    b"",
    b"\x00\xff",
    [],
    [1, [2, [3]]],
    {},
    {"a": {"b": None}, "z": 1, "": 2},
    {1: "a", (2, 3): "b"},
    set(),
    {1, "a"},
    datetime(2026, 11, 25, 12, 30, 15, 123456, timezone.utc),
    datetime(1, 1, 1, tzinfo=timezone.utc),
    datetime(9999, 12, 31, 23, 59, 59, 999_000, timezone.utc),
]


@pytest.fixture
def echo(host: Host) -> Stub:
    return host(Echo)


@pytest.mark.parametrize("value", SAME, ids=repr)
@pytest.mark.parametrize("way", ["echo", "store"])
def test_a_value_comes_back_equal(echo: Stub, way: str, value: object) -> None:
    if isinstance(value, dict) and any(isinstance(key, tuple) for key in value):
        pytest.raises(facetbox.ValueError, echo.call, way, value).match("list can't be a key")
        return
    result = echo.call(way, value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        (Pair(1, 2), [1, 2]),
        (Number.ONE, 1),
        (frozenset({1}), {1}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (OrderedDict(a=1), {"a": 1}),
        (
            datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 1, 1, tzinfo=timezone.utc),
        ),
    ],
)
def test_a_relative_of_a_value_comes_back_as_the_plain_type(
    echo: Stub, value: object, expected: object
) -> None:
    result = echo.echo(value)
    assert result == expected
    assert type(result) is type(expected)


def test_nan_comes_back(echo: Stub) -> None:
    assert math.isnan(echo.echo(math.nan))


def test_negative_zero_keeps_its_sign(echo: Stub) -> None:
    assert math.copysign(1, echo.echo(-0.0)) == -1


def test_maps_keep_their_order(echo: Stub) -> None:
    names = [f"k{n}" for n in (3, 1, 2, 0)]
    assert list(echo.echo(dict.fromkeys(names))) == names


def test_an_exception_crosses_as_an_error(echo: Stub) -> None:
    error = echo.echo(KeyError("x"))
    assert isinstance(error, facetbox.GuestError)
    assert (error.name, error.message) == ("KeyError", "'x'")
    error = echo.store(facetbox.GuestError("too big", "RangeError"))
    assert (error.name, error.message, str(error)) == ("RangeError", "too big", "RangeError: too big")


def test_a_function_comes_back_as_itself(echo: Stub) -> None:
    def function() -> None: ...

    assert echo.echo([function])[0] is function


def cycle_of_list() -> object:
    value: list[object] = [0]
    value.append({"again": value})
    return value


def cycle_of_dict() -> object:
    value: dict[str, object] = {}
    value["a"] = [value]
    return value


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cycle_of_list, r'args\[0\]\[1\]\["again"\] refers back to args\[0\]\.'),
        (cycle_of_dict, r'args\[0\]\["a"\]\[0\] refers back to args\[0\]\.'),
        (lambda: nested(100_000), "nested deeper than the limit of 128 levels"),
        (lambda: {"a": "\ud800"}, r'args\[0\]\["a"\] has a lone surrogate'),
        (lambda: {"\ud800": 1}, "lone surrogate"),
        (lambda: {"a": [object()]}, r'args\[0\]\["a"\]\[0\] has type object'),
        (lambda: 1j, "has type complex"),
        (lambda: range(3), "has type range"),
        (lambda: datetime(2026, 1, 1), "without a time zone"),
        (lambda: int, "is a class"),
        (lambda: (n for n in range(3)), "has type generator"),
    ],
)
def test_what_cannot_cross_is_refused_with_its_place(
    echo: Stub, make: Callable[[], object], message: str
) -> None:
    with pytest.raises(facetbox.ValueError, match=message) as caught:
        echo.echo(make())
    assert caught.value.code == "VALUE_ERROR"
    assert isinstance(caught.value, ValueError)
    assert echo.echo(1) == 1


def test_the_deepest_value_that_crosses_has_128_levels(echo: Stub) -> None:
    assert echo.echo(nested(127)) == nested(127)
    with pytest.raises(facetbox.ValueError):
        echo.echo(nested(140))


def test_a_result_that_cannot_cross_is_refused(host: Host) -> None:
    class Bad(DurableObject):
        def cycle(self) -> object:
            return cycle_of_list()

    with pytest.raises(facetbox.ValueError, match=r'result\[1\]\["again"\] refers back to result'):
        host(Bad).cycle()


def test_a_hostile_subclass_is_read_as_what_it_is_at_heart(echo: Stub) -> None:
    class Hostile(dict[str, object]):
        def keys(self) -> Any:
            raise AssertionError("called")

        items = values = __iter__ = __getitem__ = __len__ = keys  # type: ignore[assignment]

    class Endless(set[object]):
        def __iter__(self) -> Any:
            return itertools.count()

    assert echo.echo(Hostile(a=1)) == {"a": 1}
    assert echo.echo(Endless({1})) == {1}


def test_a_dict_may_change_while_it_is_read(echo: Stub) -> None:
    class Zone(tzinfo):
        def utcoffset(self, _: object) -> timedelta:
            value.clear()
            return timedelta(0)

        dst = tzname = utcoffset  # type: ignore[assignment]

    value: dict[str, object] = {"a": datetime(2026, 1, 1, tzinfo=Zone()), "b": 2}
    assert list(echo.echo(value)) == ["a", "b"]


def test_an_exception_whose_text_fails_crosses_without_text(echo: Stub) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert (echo.echo(Mute()).name, echo.echo(Mute()).message) == ("Mute", "")


GUEST = """
function App:echo(value) return value end
function App:kind(value) return typeof(value) end
function App:cycle() local t = {}; t.a = { t }; return t end
function App:sum(a, b) return a + b end
"""


@pytest.mark.parametrize(
    "value",
    [None, True, 1, -7, 2**53 - 1, 2**62, 1.5, "ü", b"\x00\x01", [1, "a"], {"a": [True]}],
    ids=repr,
)
def test_a_guest_gives_back_what_it_got(guest: Guest, value: object) -> None:
    result = guest(GUEST).echo(value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "number"), ("a", "string"), (b"a", "buffer"), ([1], "table"), (None, "nil")]
)
def test_a_guest_sees_its_own_types(guest: Guest, value: object, kind: str) -> None:
    assert guest(GUEST).kind(value) == kind


def test_a_whole_number_of_a_guest_is_an_int(guest: Guest) -> None:
    result = guest(GUEST).sum(1, 2)
    assert (result, type(result)) == (3, int)


def test_a_cycle_of_a_guest_is_refused(guest: Guest) -> None:
    app = guest(GUEST)
    with pytest.raises(facetbox.ValueError) as caught:
        app.cycle()
    assert caught.value.code == "VALUE_ERROR"
    assert app.echo(1) == 1


def test_capabilities_cannot_be_stored(echo: Stub, runtime: Runtime) -> None:
    for value in (print, runtime.loader(), echo):
        with pytest.raises(facetbox.ValueError):
            echo.store({"a": value})
