"""What guests are given: functions, objects, stubs, loaders; and exceptions on the way through."""

from __future__ import annotations

import functools
from collections import deque

import facetbox
import pytest
from conftest import Guest, Host
from facetbox import DurableObject, Env, Request, Response, Runtime, Stub, WorkerCode


class Shop:
    """An object given to a guest."""

    secret = "attribute"

    def __init__(self) -> None:
        self.sold: list[str] = []
        self.on_sale = lambda: "an attribute of the instance"

    def sell(self, what: str) -> int:
        self.sold.append(what)
        return len(self.sold)

    @staticmethod
    def double(n: int) -> int:
        return 2 * n

    @classmethod
    def title(cls) -> str:
        return cls.__name__

    @functools.lru_cache  # noqa: B019
    def cached(self) -> str:
        return "cached"

    @property
    def total(self) -> int:
        return len(self.sold)

    def _private(self) -> str:
        return "private"

    class Nested:
        pass


CALLER = """
function App:shop(method, ...) return self.env.SHOP[method](self.env.SHOP, ...) end
function App:run(...) return self.env.FUNCTION(...) end
function App:try(...)
    local ok, problem = pcall(self.env.FUNCTION, ...)
    return { ok = ok, name = problem.name, message = problem.message, text = tostring(problem) }
end
function App:value(name) return self.env[name] end
function App:stub(method, ...) return self.env.STUB[method](self.env.STUB, ...) end
"""


def test_a_guest_calls_a_function_with_values(guest: Guest) -> None:
    seen: list[object] = []

    def function(*args: object) -> dict[str, object]:
        seen.append(args)
        return {"args": list(args)}

    app = guest(CALLER, env={"FUNCTION": function})
    assert app.run(1, "a", [True]) == {"args": [1, "a", [True]]}
    assert seen == [(1, "a", [True])]


def test_a_guest_calls_the_public_methods_of_an_object(guest: Guest) -> None:
    shop = Shop()
    app = guest(CALLER, env={"SHOP": shop})
    assert app.shop("sell", "tea") == 1
    assert app.shop("sell", "cup") == 2
    assert shop.sold == ["tea", "cup"]
    assert app.shop("double", 21) == 42
    assert app.shop("title") == "Shop"
    assert app.shop("cached") == "cached"


@pytest.mark.parametrize(
    "name",
    ["_private", "__init__", "__class__", "__dict__", "secret", "sold", "on_sale", "total", "Nested", "nope"],
)
def test_a_guest_reaches_nothing_else_of_an_object(guest: Guest, name: str) -> None:
    app = guest(CALLER, env={"SHOP": Shop()})
    with pytest.raises(facetbox.NotFoundError, match=f'"{name}"'):
        app.shop(name)


def test_an_object_does_not_expose_what_built_in_types_define(guest: Guest) -> None:
    class Queue(deque[int]):
        def add(self, item: int) -> None:
            self.append(item)

    queue = Queue()
    app = guest(CALLER, env={"SHOP": queue})
    app.shop("add", 1)
    with pytest.raises(facetbox.NotFoundError):
        app.shop("clear")
    assert list(queue) == [1]


def test_objects_without_methods_are_refused_in_env(guest: Guest) -> None:
    with pytest.raises(facetbox.ValueError, match=r'env\["SHOP"\] has type object'):
        guest(CALLER, env={"SHOP": object()})


def test_objects_are_refused_outside_of_env(host: Host) -> None:
    with pytest.raises(facetbox.ValueError, match="has type .*Shop"):
        host(DurableObject).hello(Shop())


class Refused(Exception):
    pass


def test_an_exception_passes_through_a_guest_as_itself(guest: Guest) -> None:
    refusal = Refused("not today")

    def function() -> None:
        raise refusal

    app = guest(CALLER, env={"FUNCTION": function})
    with pytest.raises(Refused) as caught:
        app.run()
    assert caught.value is refusal


def test_a_guest_that_catches_an_exception_sees_its_name_and_text(guest: Guest) -> None:
    def function(text: str) -> None:
        raise Refused(text)

    seen = guest(CALLER, env={"FUNCTION": function}).call("try", "not today")
    assert seen == {
        "ok": False,
        "name": "Refused",
        "message": "not today",
        "text": "Refused: not today",
    }


def test_a_function_may_choose_the_error_that_a_guest_sees(guest: Guest) -> None:
    def function() -> None:
        raise facetbox.GuestError("too far", "RangeError")

    seen = guest(CALLER, env={"FUNCTION": function}).call("try")
    assert (seen["name"], seen["message"]) == ("RangeError", "too far")


def test_a_result_that_cannot_cross_is_an_error_in_the_guest(guest: Guest) -> None:
    seen = guest(CALLER, env={"FUNCTION": lambda: object()}).call("try")
    assert seen["ok"] is False
    assert "result has type object" in seen["message"]


def test_exceptions_that_end_a_program_pass_through(guest: Guest) -> None:
    def function() -> None:
        raise SystemExit(3)

    app = guest(CALLER, env={"FUNCTION": function})
    with pytest.raises(SystemExit) as caught:
        app.run()
    assert caught.value.code == 3
    with pytest.raises(SystemExit):
        app.run()


def test_env_holds_plain_data(guest: Guest) -> None:
    app = guest(CALLER, env={"NAME": "x", "LIST": [1, {"a": None}]})
    assert app.value("NAME") == "x"
    assert app.value("LIST")[0] == 1


def test_a_guest_calls_a_stub(guest: Guest, host: Host) -> None:
    class Greeter(DurableObject):
        def greet(self, name: str) -> str:
            return f"Hello {name}"

    assert guest(CALLER, env={"STUB": host(Greeter)}).stub("greet", "you") == "Hello you"


def test_a_function_may_be_an_argument(guest: Guest) -> None:
    app = guest("function App:apply(f, x) return f(x) + 1 end")
    assert app.apply(lambda n: n * 10, 4) == 41


class Reader(DurableObject):
    def names(self) -> list[str]:
        return sorted(vars(self.env))

    def is_same(self) -> bool:
        return self.env.TOOL is TOOL and self.env.SHOP is SHOP

    def load(self) -> str:
        code = WorkerCode("m.luau", {"m.luau": "return { App = DurableObject:extend('App') }"})
        return repr(self.env.LOADER.load(code))


def TOOL() -> None: ...


SHOP = Shop()


def test_a_class_in_python_gets_a_loader_by_default(host: Host) -> None:
    assert host(Reader).names() == ["LOADER"]
    assert host(Reader).load() == 'WorkerStub("m.luau")'


def test_a_class_in_python_gets_functions_and_objects_themselves(host: Host) -> None:
    reader = host(Reader, env={"TOOL": TOOL, "SHOP": SHOP, "DATA": {"a": 1}})
    assert reader.names() == ["DATA", "SHOP", "TOOL"]
    assert reader.is_same()


def test_env_is_set_before_the_constructor_runs(host: Host) -> None:
    class Early(DurableObject):
        def __init__(self, ctx: facetbox.Ctx, env: Env) -> None:
            self.seen = self.env is env and self.ctx is ctx

        def check(self) -> bool:
            return self.seen

    assert host(Early).check()


OUTBOUND = """
function App:visit(url) local r = fetch(url); return { status = r.status, text = r:text() } end
"""


def test_the_network_is_closed(guest: Guest) -> None:
    with pytest.raises(facetbox.Error, match="not permitted to access the internet"):
        guest(OUTBOUND).visit("http://example.com/")


def test_a_function_answers_what_a_guest_fetches(guest: Guest) -> None:
    def answer(request: Request) -> Response:
        return Response(f"{request.method} {request.url}", status=203)

    app = guest(OUTBOUND, global_outbound=answer)
    assert app.visit("http://example.com/x") == {"status": 203, "text": "GET http://example.com/x"}


def test_a_stub_answers_what_a_guest_fetches(guest: Guest, host: Host) -> None:
    class Proxy(DurableObject):
        def fetch(self, request: Request) -> Response:
            return Response(request.url)

    app = guest(OUTBOUND, global_outbound=host(Proxy))
    assert app.visit("http://example.com/")["text"] == "http://example.com/"


def test_an_outbound_that_is_neither_is_refused(guest: Guest) -> None:
    with pytest.raises(facetbox.InvalidArgument, match="global_outbound must be a Stub, a callable or None, got string"):
        guest(OUTBOUND, global_outbound="yes")


def test_an_outbound_that_answers_something_else_fails(guest: Guest) -> None:
    with pytest.raises(facetbox.GuestError, match="TypeError: globalOutbound must answer a Response, got string"):
        guest(OUTBOUND, global_outbound=lambda request: request.url).visit("http://example.com/")


def test_an_entrypoint_is_called_like_an_object(runtime: Runtime) -> None:
    source = """
    local Tool = WorkerEntrypoint:extend("Tool")
    function Tool:add(a, b) return a + b + (self.ctx.props.base or 0) end
    return { Tool = Tool }
    """
    worker = runtime.loader().load(WorkerCode("m.luau", {"m.luau": source}))
    tool: Stub = worker.get_entrypoint("Tool", props={"base": 100})
    assert tool.add(1, 2) == 103
    assert tool.id is None and tool.name is None


def test_the_loader_caches_by_id(runtime: Runtime) -> None:
    loader = runtime.loader()
    calls: list[int] = []

    def code() -> WorkerCode:
        calls.append(1)
        return WorkerCode("m.luau", {"m.luau": "return {}"})

    for id in ("a", "a", "b", None, None):
        loader.get(id, code)
    assert len(calls) == 4


def test_a_loader_callback_that_raises_shows_at_first_use_and_is_not_cached(runtime: Runtime) -> None:
    loader = runtime.loader()

    def fail() -> WorkerCode:
        raise Refused("no code")

    worker = loader.get("a", fail)
    with pytest.raises(Refused, match="no code"):
        worker.get_entrypoint("x").hello()
    good = WorkerCode("m.luau", {"m.luau": "return {}"})
    assert repr(loader.get("a", lambda: good)) == 'WorkerStub("m.luau")'
