"""Namespaces, ids and stubs; and which methods of a class callers reach."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import facetbox
import pytest
from conftest import Host
from facetbox import DurableObject, FacetOptions, Request, Response, Runtime, WorkerCode


class Thing(DurableObject):
    constant = 7

    def __init__(self, ctx: facetbox.Ctx, env: facetbox.Env) -> None:
        self.attribute = lambda: "attribute"

    def hello(self, name: str = "you") -> str:
        return f"Hello {name}"

    def id(self) -> list[str | None]:
        return [str(self.ctx.id), self.ctx.id.name]

    def call(self) -> str:
        return "a method called call"

    @staticmethod
    def static() -> str:
        return "static"

    @classmethod
    def named(cls) -> str:
        return cls.__name__

    @property
    def property(self) -> str:
        return "property"

    def _private(self) -> str:
        return "private"


class Better(Thing):
    def more(self) -> str:
        return "more"

    hello = None  # type: ignore[assignment]


def test_ids_are_those_of_the_golden_values(runtime: Runtime) -> None:
    id = runtime.namespace("mykey", Thing).id_from_name("name")
    assert str(id) == "3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a"
    assert id.name == "name"


def test_ids_are_equal_by_their_digits(runtime: Runtime) -> None:
    things = runtime.namespace("a", Thing)
    id = things.id_from_name("x")
    read = things.id_from_string(str(id).upper())
    assert read == id and hash(read) == hash(id) and read.name is None
    assert len({id, read, things.new_unique_id(), things.new_unique_id()}) == 3
    assert id != str(id)
    assert repr(id) == f'ObjectId({id}, "x")'


def test_ids_of_another_namespace_are_refused(runtime: Runtime) -> None:
    a, b = runtime.namespace("a", Thing), runtime.namespace("b", Thing)
    with pytest.raises(facetbox.InvalidArgument, match="not valid for this namespace"):
        b.get(a.id_from_name("x"))
    with pytest.raises(facetbox.InvalidArgument, match="64 hex digits"):
        a.id_from_string("x")


def test_an_object_knows_its_id(runtime: Runtime) -> None:
    things = runtime.namespace("a", Thing)
    stub = things.get_by_name("x")
    assert stub.call("id") == [str(stub.id), "x"]
    assert stub.name == "x" and stub.id == things.id_from_name("x")
    unique = things.get(things.new_unique_id())
    assert unique.call("id") == [str(unique.id), None]


def test_a_namespace_is_found_by_name(runtime: Runtime) -> None:
    runtime.namespace("a", Thing)
    assert runtime.get_namespace("a").name == "a"
    assert repr(runtime.get_namespace("a")) == 'Namespace("a")'


def test_public_methods_are_called_by_name(host: Host) -> None:
    stub = host(Thing)
    assert stub.hello() == stub.call("hello") == "Hello you"
    assert stub.hello("me") == stub.call("hello", "me") == "Hello me"
    assert stub.call("call") == "a method called call"
    assert (stub.static(), stub.named()) == ("static", "Thing")
    method = stub.hello
    assert (method(), method("me")) == ("Hello you", "Hello me")


@pytest.mark.parametrize(
    "name",
    ["_private", "__init__", "__class__", "__new__", "constant", "attribute", "property", "ctx", "env"],
)
def test_nothing_else_is(host: Host, name: str) -> None:
    with pytest.raises(facetbox.NotFoundError, match=f'"{name}"'):
        host(Thing).call(name)


@pytest.mark.parametrize("name", ["fetch", "alarm", "constructor"])
def test_reserved_names_are_refused(host: Host, name: str) -> None:
    with pytest.raises(facetbox.InvalidArgument, match="reserved"):
        host(Thing).call(name)


def test_methods_are_inherited_and_overridden(host: Host) -> None:
    stub = host(Better)
    assert (stub.more(), stub.named()) == ("more", "Better")
    with pytest.raises(facetbox.NotFoundError):
        stub.hello()


def test_wrong_arguments_are_the_methods_own_error(host: Host) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        host(Thing).hello(1, 2, 3)
    with pytest.raises(TypeError):
        host(Thing).hello(name="x")  # type: ignore[call-arg]


def test_an_async_method_is_refused(host: Host) -> None:
    class Later(DurableObject):
        async def hello(self) -> None: ...

    with pytest.warns(RuntimeWarning, match="never awaited"):
        with pytest.raises(facetbox.ValueError, match="coroutine"):
            host(Later).hello()
        gc.collect()


def test_python_finds_no_protocols_on_a_stub(host: Host) -> None:
    stub = host(Thing)
    assert not hasattr(stub, "__len__") and not hasattr(stub, "_repr_html_")
    for refuse in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError):
            refuse(stub)
    with pytest.raises(AttributeError):
        stub.attribute = 1  # type: ignore[attr-defined]


def test_fetch_takes_a_request_or_a_url(host: Host) -> None:
    class Mirror(DurableObject):
        def fetch(self, request: Request) -> Response:
            text = f"{request.method} {request.url} {request.headers.get('x')} {request.text()}"
            return Response(text, status=201, headers={"y": "2"})

    stub = host(Mirror)
    response = stub.fetch("http://app/a", method="post", headers={"X": "1"}, body="hi")
    assert response.text() == "POST http://app/a 1 hi"
    assert (response.status, response.headers["y"]) == (201, "2")
    request = Request("http://app/b", headers={"x": "3"})
    assert stub.fetch(request).text() == "GET http://app/b 3 "
    assert stub.fetch(request, method="PUT").text() == "PUT http://app/b 3 "


def test_fetch_must_return_a_response(host: Host) -> None:
    class Wrong(DurableObject):
        def fetch(self, request: Request) -> str:
            return "text"

    with pytest.raises(facetbox.InvalidArgument, match="must return a Response, got str"):
        host(Wrong).fetch("http://app/")


def test_the_same_instance_answers_until_it_breaks(host: Host) -> None:
    class Counter(DurableObject):
        n = 0

        def add(self) -> int:
            self.n += 1
            return self.n

    stub = host(Counter)
    assert [stub.add() for _ in range(3)] == [1, 2, 3]


def test_closing_lets_go_of_classes_and_instances() -> None:
    alive: list[weakref.ref[object]] = []

    def use() -> None:
        class Local(DurableObject):
            def hello(self) -> None:
                alive.extend([weakref.ref(self), weakref.ref(type(self))])

        with facetbox.open() as runtime:
            runtime.namespace("a", Local).get_by_name("it").hello()

    use()
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_closing_lets_go_of_what_leads_back_to_itself() -> None:
    alive: list[weakref.ref[object]] = []
    source = """
    local App = DurableObject:extend("App")
    function App:use() return self.env.tool() and self.ctx.props.tool() end
    return { App = App }
    """

    def use() -> facetbox.Stub:
        kept: list[object] = []

        class Local(DurableObject):
            def use(self) -> object:
                alive.extend([weakref.ref(self), weakref.ref(type(self))])
                return self.ctx.facets.get("app", self.start).use()

            def start(self) -> FacetOptions:
                worker = self.env.LOADER.get("app", self.code)
                return FacetOptions(cls=worker.get_durable_object_class("App", props={"tool": self.tool}))

            def code(self) -> WorkerCode:
                env = {"tool": self.tool}
                outbound = lambda request: self.answer(request)  # noqa: E731
                return WorkerCode("m.luau", {"m.luau": source}, env=env, global_outbound=outbound)

            def answer(self, request: Request) -> Response:
                return Response(str(self.tool()))

            def tool(self) -> bool:
                return bool(kept)

        with facetbox.open(on_tail=lambda event: kept.append(event)) as runtime:
            stub = runtime.namespace("a", Local).get_by_name("it")
            kept.extend([stub, runtime])
            assert stub.use() is True
        return stub

    stub = use()
    gc.collect()
    assert [ref() for ref in alive] == [None, None]
    with pytest.raises(facetbox.ClosedError):
        stub.use()
