"""facetbox.asgi behind a real server on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from typing import Any

import facetbox
import pytest
import uvicorn
from facetbox import DurableObject, Request, Response, WorkerCode, aio


class Site(DurableObject):
    """Tells what it was asked, as JSON."""

    def fetch(self, request: Request) -> Response:
        if request.url.endswith("/fail"):
            raise LookupError("no such page")
        if request.url.endswith("/fields"):
            headers = {"x-latin": "\u00e9", "x-other": "\u65e5"}
            return Response("whole", status=int(request.headers["x-in"]), headers=headers)
        if request.url.endswith("/smuggle"):
            return Response("whole", headers={"Content-Length": "1", "Transfer-Encoding": "chunked", "X-Own": "1"})
        count = self.ctx.storage.kv.get("count", 0) + 1
        self.ctx.storage.kv.put("count", count)
        told = [request.method, request.url, request.headers.get("x-in"), request.text(), count]
        return Response(json.dumps(told), status=201, headers={"x-out": "yes"})


class AioSite(aio.DurableObject):
    async def fetch(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(f"{self.ctx.id.name} {request.method}")


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """Serves an application and gives the port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="on")
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.005)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def ask(port: int, method: str, path: str, **options: Any) -> tuple[int, dict[str, str], bytes]:
    def send() -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, **options)
        response = connection.getresponse()
        answer = (response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    return await asyncio.to_thread(send)


def test_a_blocking_stub_is_served() -> None:
    async def main() -> None:
        with facetbox.open() as runtime:
            stub = runtime.namespace("Site", Site).get_by_name("it")
            async with served(facetbox.asgi(stub)) as port:
                options = {"body": "hello", "headers": {"X-In": "in"}}
                status, headers, body = await ask(port, "POST", "/a%20b?q=1", **options)
                url = f"http://127.0.0.1:{port}/a%20b?q=1"
                assert (status, headers["x-out"]) == (201, "yes")
                assert json.loads(body) == ["POST", url, "in", "hello", 1]
                assert headers["content-length"] == str(len(body))
                status, _, body = await ask(port, "HEAD", "/")
                assert (status, body) == (201, b"")
                assert (await ask(port, "GET", "/fail"))[0] == 500

    asyncio.run(main())


def test_a_deployment_is_served_as_it_is_deployed_now() -> None:
    def page(text: str) -> WorkerCode:
        source = f"export default {{ fetch: () => new Response({text!r}) }};"
        return WorkerCode("site.js", {"site.js": source})

    async def main() -> None:
        with facetbox.open() as runtime:
            site = runtime.deploy("site", page("old"))
            async with served(facetbox.asgi(site)) as port:
                assert (await ask(port, "GET", "/"))[2] == b"old"
                runtime.deploy("site", page("new"))
                assert (await ask(port, "GET", "/"))[2] == b"new"
        async with aio.open() as runtime_of_loop:
            deployed = await runtime_of_loop.deploy("site", page("loop"))
            async with served(facetbox.asgi(deployed)) as port:
                assert (await ask(port, "GET", "/"))[2] == b"loop"

    asyncio.run(main())


def test_bodies_have_a_limit_and_responses_say_nothing_of_the_connection() -> None:
    async def main() -> None:
        with facetbox.open() as runtime:
            stub = runtime.namespace("Site", Site).get_by_name("it")
            async with served(facetbox.asgi(stub, max_body_bytes=10)) as port:
                assert (await ask(port, "POST", "/", body="x" * 10))[0] == 201
                assert (await ask(port, "POST", "/", body="x" * 11))[0] == 413
                assert (await ask(port, "GET", "/", headers={"Host": "not a host"}))[0] == 400
                status, headers, body = await ask(port, "GET", "/smuggle")
                assert (status, body, headers["content-length"], headers["x-own"]) == (200, b"whole", "5", "1")
                assert "transfer-encoding" not in headers

    asyncio.run(main())


def test_what_a_client_writes_can_not_change_the_host() -> None:
    async def speak(port: int, target: str, host: str, method: str = "GET") -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    async def main() -> None:
        with facetbox.open() as runtime:
            stub = runtime.namespace("Site", Site).get_by_name("it")
            async with served(facetbox.asgi(stub)) as port:
                for target, host in [
                    ("/x", "site?b"),
                    ("/x", "site/b"),
                    ("/x", "site#b"),
                    ("/x", "me@site"),
                    ("@evil/x", "site"),
                    (".evil/x", "site"),
                    ("file:///x", "site"),
                    ("ftp://evil/x", "site"),
                ]:
                    assert (await speak(port, target, host)).startswith("HTTP/1.1 400 "), (target, host)
                assert '"http://other/x?y"' in await speak(port, "http://other/x?y", "site")
                assert '"http://[::1]//evil/"' in await speak(port, "//evil/", "[::1]:80")
                assert '"http://site/"' in await speak(port, "*", "site", "OPTIONS")

    asyncio.run(main())


def test_a_server_that_tells_no_raw_path_has_its_path_quoted() -> None:
    async def main() -> None:
        async def receive() -> Any:
            return {"type": "http.request"}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        with facetbox.open() as runtime:
            app = facetbox.asgi(runtime.namespace("Site", Site).get_by_name("it"))
            headers = [(b"host", b"site")]
            await app({"type": "http", "method": "GET", "path": "/a?b#c%\u00e9", "headers": headers}, receive, send)
            assert json.loads(sent[1]["body"])[1] == "http://site/a%3Fb%23c%25%C3%A9"

    asyncio.run(main())


def test_header_fields_are_bytes_and_some_statuses_have_no_body() -> None:
    async def main() -> None:
        with facetbox.open() as runtime:
            stub = runtime.namespace("Site", Site).get_by_name("it")
            async with served(facetbox.asgi(stub)) as port:
                wanted = [(200, "5", b"whole"), (204, None, b""), (205, "0", b""), (304, None, b"")]
                for status, length, whole in wanted:
                    answer = await ask(port, "GET", "/fields", headers={"x-in": str(status)})
                    assert (answer[0], answer[1].get("content-length"), answer[2]) == (status, length, whole)
                    assert (answer[1]["x-latin"], answer[1]["x-other"]) == ("\xe9", "\xe6\x97\xa5")
                _, headers, body = await ask(port, "HEAD", "/fields", headers={"x-in": "200"})
                assert ("content-length" in headers, body) == (False, b"")

    asyncio.run(main())


def test_a_function_chooses_among_stubs_of_aio() -> None:
    async def main() -> None:
        async with aio.open() as runtime:
            sites = runtime.namespace("AioSite", AioSite)
            app = facetbox.asgi(lambda request: sites.get_by_name(request.headers["x-site"]))
            async with served(app) as port:
                for name in ("one", "two"):
                    answer = await ask(port, "GET", "/", headers={"x-site": name})
                    assert answer[::2] == (200, f"{name} GET".encode())

    asyncio.run(main())


def test_a_client_that_goes_away_cancels_the_call() -> None:
    async def main() -> None:
        entered, cancelled = asyncio.Event(), asyncio.Event()

        class Slow(aio.DurableObject):
            async def fetch(self, request: Request) -> Response:
                entered.set()
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    cancelled.set()
                    raise
                return Response()

        async with aio.open() as runtime:
            stub = runtime.namespace("Slow", Slow).get_by_name("it")
            async with served(facetbox.asgi(stub)) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await asyncio.wait_for(entered.wait(), 30)
                writer.close()
                await asyncio.wait_for(cancelled.wait(), 30)

    asyncio.run(main())


def test_websockets_and_unknown_scopes_are_refused() -> None:
    async def main() -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        with facetbox.open() as runtime:
            app = facetbox.asgi(runtime.namespace("Site", Site).get_by_name("it"))
            await app({"type": "websocket"}, receive, send)
            assert sent == [{"type": "websocket.close", "code": 1003}]
            with pytest.raises(NotImplementedError, match="'other'"):
                await app({"type": "other"}, receive, send)

    asyncio.run(main())
