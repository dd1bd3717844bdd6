"""The values of vectors: from JSON to Python, and compared with what came."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from facetbox import Headers, Request, Response

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Inexpressible(Exception):
    """A value that no value of Python crosses as."""


class Undefined:
    """An expected value that has to be undefined, which Python can't tell from null."""


def argument(json: Any) -> Any:
    """A value to be sent."""
    return _read(json, _sent)


def expected(json: Any) -> Any:
    """A value to be compared with what comes."""
    return _read(json, _compared)


def _read(json: Any, spelling: Callable[[str, Any], Any]) -> Any:
    if isinstance(json, list):
        return [_read(item, spelling) for item in json]
    if isinstance(json, int) and not isinstance(json, bool) and not -(2**63) <= json < 2**63:
        return float(json)
    if not isinstance(json, dict):
        return json
    if len(json) == 1:
        ((key, inner),) = json.items()
        if key.startswith("$"):
            return spelling(key, inner)
    return {key: _read(item, spelling) for key, item in json.items()}


def _sent(key: str, inner: Any) -> Any:
    if key == "$bigint" and -(2**63) <= int(inner) < 2**63:
        raise Inexpressible("an int of 64 bits crosses as a number, not as a big integer")
    if key == "$undefined":
        raise Inexpressible("there is no undefined in Python")
    if key == "$map" and all(isinstance(name, str) for name, _ in inner):
        raise Inexpressible("a dict with str keys crosses as an object, not as a Map")
    return _spelled(key, inner, _sent)


def _compared(key: str, inner: Any) -> Any:
    return Undefined() if key == "$undefined" else _spelled(key, inner, _compared)


def _spelled(key: str, inner: Any, spelling: Callable[[str, Any], Any]) -> Any:
    if key == "$bytes":
        return base64.b64decode(inner)
    if key == "$bigint":
        return int(inner)
    if key == "$float":
        return float(inner.replace("Infinity", "inf"))
    if key == "$date":
        if inner is None:
            raise Inexpressible("there is no invalid datetime")
        return _EPOCH + timedelta(milliseconds=inner)
    if key == "$request":
        headers, body = _content(inner)
        return Request(inner["url"], method=inner.get("method"), headers=headers, body=body)
    if key == "$response":
        headers, body = _content(inner)
        return Response(body, status=inner.get("status", 200), headers=headers)
    if key == "$headers":
        return _headers(inner)
    if key == "$object":
        return {name: _read(item, spelling) for name, item in inner.items()}
    try:
        if key == "$set":
            return {_read(item, spelling) for item in inner}
        if key == "$map":
            return {_read(name, spelling): _read(item, spelling) for name, item in inner}
    except TypeError as error:
        raise Inexpressible(f"Python can't hash it: {error}") from None
    return {key: _read(inner, spelling)}


def _headers(fields: list[list[str]]) -> Headers:
    return Headers([(name, value) for name, value in fields])


def _content(inner: dict[str, Any]) -> tuple[Headers, bytes | None]:
    body = inner.get("body")
    return _headers(inner.get("headers", [])), None if body is None else body.encode()


def _parts(message: Any) -> Any:
    """What a request, a response or headers consist of; anything else stays what it is."""
    if isinstance(message, Request):
        return [message.method, message.url, message.headers.items(), message.body]
    if isinstance(message, Response):
        return [message.status, message.headers.items(), message.body]
    return message.items() if isinstance(message, Headers) else message


def matches(want: Any, got: Any) -> bool:
    """Whether a value is the expected one: numbers by value, maps regardless of order."""
    if isinstance(want, Undefined):
        return got is None
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    if isinstance(want, int | float) and isinstance(got, int | float):
        return _same_number(want, got)
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(matches, want, got))
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(matches(want[key], got[key]) for key in want)
    return type(want) is type(got) and bool(_parts(want) == _parts(got))


def _same_number(want: float, got: float) -> bool:
    if math.isnan(want) or math.isnan(got):
        return math.isnan(want) and math.isnan(got)
    if want == 0 and isinstance(want, float) and math.copysign(1, want) < 0:
        return got == 0 and math.copysign(1, got) < 0
    return want == got
