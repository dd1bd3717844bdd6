"""Request, Response and Headers."""

from __future__ import annotations

import json
from types import MappingProxyType

import facetbox
import pytest
from facetbox import Headers, Request, Response


def test_headers_compare_without_case_and_keep_their_order() -> None:
    headers = Headers({"X-One": "1"})
    headers.append("x-list", "a")
    headers.append("X-LIST", " b ")
    assert headers["X-List"] == headers.get("x-list") == "a, b"
    assert headers.items() == [("x-one", "1"), ("x-list", "a"), ("x-list", "b")]
    assert dict(headers) == {"x-one": "1", "x-list": "a, b"}
    assert list(headers) == ["x-one", "x-list"] and len(headers) == 2
    headers["X-List"] = "c"
    assert headers.items() == [("x-one", "1"), ("x-list", "c")]
    del headers["x-one"]
    headers.delete("never")
    assert "X-One" not in headers and headers.get("x-one", "-") == "-"
    with pytest.raises(KeyError):
        headers["x-one"]


def test_headers_are_made_of_pairs_and_of_headers() -> None:
    headers = Headers([("a", "1"), ("a", "2")])
    copy = Headers(headers)
    copy.set("a", "3")
    assert (headers["a"], copy["a"], repr(copy)) == ("1, 2", "3", 'Headers([("a", "3")])')
    assert Headers([["a", "1"], ["a", "2"]]).items() == headers.items()
    assert Headers(MappingProxyType({"a": "1"})).items() == Headers(iter([("a", "1")])).items()


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (7, "Headers are made from a mapping, pairs or Headers, got int"),
        (["a: 1"], "must be a pair of a name and a value, got 'a: 1'"),
        (["ab"], "got 'ab'"),
        ([7], "got 7"),
        ([["a"]], r"got \['a'\]"),
        ([("a", "b", "c")], "got"),
        ({"a": 1}, r"The value of a header must be a str, got int in \('a', 1\)"),
        ([[b"a", "1"]], "The name of a header must be a str, got bytes"),
        ([("a", "\ud800")], "surrogates"),
    ],
)
def test_what_is_no_header_is_refused(init: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Headers(init)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("", "x"), ("a", "x\r\nb: y"), ("a", "\0")])
def test_headers_that_http_cannot_carry_are_refused(name: str, value: str) -> None:
    with pytest.raises(facetbox.InvalidArgument):
        Headers({name: value})


def test_a_response_of_text_says_so() -> None:
    response = Response("ü")
    assert (response.status, response.ok, response.text()) == (200, True, "ü")
    assert response.body == "ü".encode()
    assert response.headers["content-type"] == "text/plain;charset=UTF-8"
    assert Response("x", headers={"Content-Type": "text/css"}).headers["content-type"] == "text/css"
    assert "content-type" not in Response(b"x").headers
    assert repr(Response(status=404)) == "<Response 404>"
    assert not Response(status=404).ok and Response().body is None and Response().text() == ""


def test_the_headers_of_a_response_can_be_changed() -> None:
    response = Response()
    response.headers["a"] = "1"
    assert response.headers["a"] == "1"


def test_bodies_are_read_as_json() -> None:
    assert Response(json.dumps({"a": [1]})).json() == {"a": [1]}
    assert Request("http://a/", method="POST", body='"x"').json() == "x"
    with pytest.raises(json.JSONDecodeError):
        Response("{").json()


@pytest.mark.parametrize("status", [0, 99, 199, 600, -1, 70_000])
def test_a_status_outside_of_200_to_599_is_refused(status: int) -> None:
    with pytest.raises(facetbox.InvalidArgument, match="200 to 599"):
        Response(status=status)


def test_requests_are_normalised() -> None:
    request = Request("HTTP://App:80/a b?q#part", method="post", body=bytearray(b"x"))
    assert (request.method, request.url, request.body) == ("POST", "http://app/a%20b?q", b"x")
    assert repr(request) == "<Request POST http://app/a%20b?q>"


def test_a_copy_of_a_request_changes_what_is_given() -> None:
    first = Request("http://a/", method="POST", headers={"x": "1"}, body="one")
    second = Request(first, method="PUT", body="two")
    assert (second.method, second.url, second.headers["x"], second.text()) == ("PUT", first.url, "1", "two")
    assert (first.method, first.text()) == ("POST", "one")


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(facetbox.InvalidArgument, match="Invalid URL: /relative"):
        Request("/relative")
    with pytest.raises(facetbox.InvalidArgument, match="method"):
        Request("http://a/", method="a b")
    with pytest.raises(facetbox.InvalidArgument, match="body"):
        Request("http://a/", body=7)  # type: ignore[arg-type]
