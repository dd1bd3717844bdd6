"""Guests in JavaScript, and the option that leaves their engine out."""

from __future__ import annotations

import facetbox
import pytest
from facetbox import DurableObject, FacetOptions, Runtime, WorkerCode

COUNTER = """
import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  async fetch(request) {
    const count = ((await this.ctx.storage.get("counter")) ?? 0) + 1;
    await this.ctx.storage.put("counter", count);
    return new Response(`You've made ${count} requests.\\n`);
  }
  echo(value) {
    return value;
  }
  async ask(text) {
    return await this.env.ASK(text);
  }
  fail() {
    throw new RangeError("too far");
  }
  failTwice() {
    throw new Error("outer", { cause: new TypeError("inner") });
  }
  failWithValue() {
    throw new Error("outer", { cause: { code: 7 } });
  }
  failAsking() {
    return this.env.FAIL();
  }
}
"""


def code(**options: object) -> WorkerCode:
    return WorkerCode("app.js", {"app.js": COUNTER}, **options)  # type: ignore[arg-type]


class Supervisor(DurableObject):
    def fetch(self, request: facetbox.Request) -> facetbox.Response:
        return self._app().fetch(request)

    def echo(self, value: object) -> object:
        return self._app().echo(value)

    def _app(self) -> facetbox.Stub:
        return self.ctx.facets.get("app", self._start)

    def _start(self) -> FacetOptions:
        worker = self.env.LOADER.load(code())
        return FacetOptions(worker.get_durable_object_class("App"))


def app(runtime: Runtime, **env: object) -> facetbox.Stub:
    cls = runtime.loader().load(code(env=env)).get_durable_object_class("App")
    return runtime.namespace("App", cls).get_by_name("it")


def test_a_supervisor_runs_a_guest_in_javascript(runtime: Runtime) -> None:
    stub = runtime.namespace("Supervisor", Supervisor).get_by_name("it")
    for n in (1, 2):
        assert stub.fetch("http://app/").text() == f"You've made {n} requests.\n"
    value = [None, True, 1, 1.5, "text", b"bytes", {"a": [2**70]}, {1, 2}]
    assert stub.echo(value) == value


def test_it_calls_functions_of_python(runtime: Runtime) -> None:
    assert app(runtime, ASK=str.upper).ask("hello") == "HELLO"


def test_its_errors_have_their_own_names_and_stacks(runtime: Runtime) -> None:
    with pytest.raises(facetbox.GuestError, match="too far") as caught:
        app(runtime).fail()
    assert caught.value.name == "RangeError"
    assert caught.value.stack is not None and "app.js:17" in caught.value.stack


def test_their_causes_come_along(runtime: Runtime) -> None:
    stub = app(runtime)
    with pytest.raises(facetbox.GuestError, match="outer") as caught:
        stub.failTwice()
    cause = caught.value.__cause__
    assert isinstance(cause, facetbox.GuestError) and cause is caught.value.cause
    assert (cause.name, cause.message) == ("TypeError", "inner")
    with pytest.raises(facetbox.GuestError) as caught:
        stub.failWithValue()
    assert (caught.value.cause, caught.value.__cause__) == ({"code": 7}, None)


def test_an_exception_of_python_passes_through_it(runtime: Runtime) -> None:
    problem = LookupError("nothing there")

    def fail() -> None:
        raise problem

    with pytest.raises(LookupError) as caught:
        app(runtime, FAIL=fail).failAsking()
    assert caught.value is problem


def test_it_is_refused_where_it_is_off() -> None:
    with facetbox.open(engines={"luau"}) as runtime:
        with pytest.raises(facetbox.UnsupportedError, match="`engines` does not allow"):
            runtime.loader().load(code())
    with pytest.raises(facetbox.InvalidArgument, match="got 'python'"):
        facetbox.open(engines=["python"])


def test_guides_are_there_for_both_languages() -> None:
    for language in ("luau", "js"):
        assert "ASK" in facetbox.guest_guide(language, {"ASK": str.upper})
        assert "DurableObject" in facetbox.guest_types(language)
    with pytest.raises(facetbox.InvalidArgument, match="not for \"lua\""):
        facetbox.guest_guide("lua")
