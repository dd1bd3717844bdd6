"""Serving objects and facets from any ASGI server."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from ._errors import InvalidArgument
from ._native import Deployment, Request, Response, Stub

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

if TYPE_CHECKING:
    from . import aio

    _Served = Stub | aio.Stub | Deployment | aio.Deployment
    _Target = _Served | Callable[[Request], Stub | aio.Stub]


_OF_CONNECTION = frozenset(
    "connection content-length keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
"""What belongs to the connection and not to the response, whose sender doesn't know the connection."""

_NO_BODY = frozenset((204, 205, 304))
"""Statuses whose responses have no body."""

_HOST = re.compile(r"[\w.:\[\]-]+", re.ASCII)
"""A host that nothing but a host is in: not the end of one, nor the beginning of a path."""


class _Disconnected(Exception):
    """The client went away before its request was whole."""


class _Refused(Exception):
    """A request that no stub gets to see, with the status that says so."""


def asgi(target: _Target, *, max_body_bytes: int = 32 << 20) -> _App:
    """An ASGI application that answers each HTTP request by a stub's ``fetch``.

    ``target`` is that stub, a deployment, or a function that chooses one by the request, such as
    ``lambda request: apps.get_by_name(request.headers["host"])``. A stub of ``facetbox`` is called on a
    thread of the loop's pool, one of ``facetbox.aio`` on the loop; then a client that goes away ends the
    call. Bodies are read whole; larger ones than ``max_body_bytes`` are answered with 413. Exceptions go to the
    server, which answers with status 500. WebSockets are refused.

    Raises InvalidArgument for a target that is neither.
    """
    # A stub has any attribute; its class hasn't.
    kind = type(target)
    if not callable(target) and not hasattr(kind, "fetch") and not hasattr(kind, "fetcher"):
        raise InvalidArgument(f"asgi() takes a stub, a deployment or a function, got {target!r}.")

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                request = await _request(scope, receive, max_body_bytes)
            except _Disconnected:
                return
            except _Refused as refused:
                await _respond(Response(status=refused.args[0]), scope["method"], send)
                return
            response = await _answer(_choose(target, request), request, receive)
            if response is not None:
                await _respond(response, scope["method"], send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        else:
            raise NotImplementedError(f"ASGI scope {scope['type']!r}")

    return app


def _choose(target: _Target, request: Request) -> Stub | aio.Stub:
    # Stubs aren't callable, though they have any attribute.
    if callable(target):
        return target(request)
    # This doesn't import facetbox.aio, whose deployments have it, too.
    fetcher = getattr(type(target), "fetcher", None)
    return cast("Stub | aio.Stub", target if fetcher is None else fetcher(target))


async def _lifespan(receive: _Receive, send: _Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _request(scope: _Scope, receive: _Receive, max_body_bytes: int) -> Request:
    chunks: list[bytes] = []
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunks.append(message.get("body", b""))
        length += len(chunks[-1])
        if length > max_body_bytes:
            raise _Refused(413)
        more = message.get("more_body", False)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    body = b"".join(chunks) or None
    try:
        return Request(_url(scope, dict(headers)), method=scope["method"], headers=headers, body=body)
    except InvalidArgument:
        raise _Refused(400) from None


def _url(scope: _Scope, headers: dict[str, str]) -> str:
    host = headers.get("host")
    if host is None:
        name, port = scope.get("server") or ("localhost", None)
        host = name if port is None else f"{name}:{port}"
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    origin = f"{scope.get('scheme', 'http')}://{host}"
    if re.match("https?://", path, re.IGNORECASE):
        # What is sent to a proxy names the host itself.
        origin = ""
    elif path == "*":
        path = "/"
    elif not path.startswith("/") or not _HOST.fullmatch(host):
        raise _Refused(400)
    return f"{origin}{path}{'?' + query if query else ''}"


async def _answer(
    stub: Stub | aio.Stub, request: Request, receive: _Receive
) -> Response | None:
    """The response, or None if the client goes away first."""
    import asyncio  # Here, because programs without it import this module, too.

    if isinstance(stub, Stub):
        return await asyncio.to_thread(stub.fetch, request)
    answer = asyncio.ensure_future(stub.fetch(request))
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        return await answer if answer.done() else None
    finally:
        answer.cancel()
        gone.cancel()


async def _gone(receive: _Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _field(value: str) -> bytes:
    """The bytes of a field: those of Latin-1, as the Fetch standard has it, or of UTF-8 where it has others."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


async def _respond(response: Response, method: str, send: _Send) -> None:
    headers = [
        (name.encode("latin-1"), _field(value))
        for name, value in response.headers.items()
        if name not in _OF_CONNECTION
    ]
    body = b"" if response.status in _NO_BODY else response.body or b""
    # How long a body would be that isn't sent, nobody has said.
    if body or (method != "HEAD" and response.status not in (204, 304)):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
