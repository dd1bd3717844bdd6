"""Facets of a supervisor written in Python: guests and Python classes, nested, started when used."""

from __future__ import annotations

from typing import ClassVar

import facetbox
import pytest
from conftest import Host
from facetbox import DurableObject, DurableObjectClass, FacetOptions, ObjectId, Stub, WorkerCode

COUNTER = """
local App = DurableObject:extend("App")
function App:add(n)
    local kv = self.ctx.storage.kv
    kv:put("n", (kv:get("n") or 0) + n)
    return kv:get("n")
end
function App:about() return { id = tostring(self.ctx.id), props = self.ctx.props } end
return { App = App }
"""


class Supervisor(DurableObject):
    """Forwards to facets that run guest code, and counts their starts."""

    starts = 0

    def facet(self, name: str) -> Stub:
        return self.ctx.facets.get(name, self._start)

    def add(self, name: str, n: int) -> object:
        return self.facet(name).add(n)

    def two(self, n: int) -> object:
        stub, same = self.facet("a"), self.facet("a")
        stub.add(n)
        return same.add(n)

    def unused(self) -> int:
        self.facet("never")
        return self.starts

    def count(self) -> int:
        return self.starts

    def abort(self, reason: str) -> None:
        stub = self.facet("a")
        stub.add(0)
        self.ctx.facets.abort("a", reason)
        stub.add(1)

    def abort_with(self) -> bool:
        problem = LookupError("gone")
        stub = self.facet("a")
        stub.add(0)
        self.ctx.facets.abort("a", problem)
        try:
            stub.add(1)
        except LookupError as caught:
            return caught is problem
        return False

    def delete(self, name: str) -> None:
        self.ctx.facets.delete(name)

    def clone(self, src: str, dst: str) -> None:
        self.ctx.facets.clone(src, dst)

    def list(self) -> object:
        return self.ctx.facets.list()

    def has(self, name: str) -> bool:
        return self.ctx.facets.exists(name)

    def about(self, id: str | None, props: object) -> object:
        cls = self._cls(props)
        return self.ctx.facets.get("b", lambda: FacetOptions(cls, id)).about()

    def own_id(self) -> str:
        return str(self.ctx.id)

    def _cls(self, props: object = None) -> DurableObjectClass:
        worker = self.env.LOADER.load(WorkerCode("c.luau", {"c.luau": COUNTER}))
        return worker.get_durable_object_class("App", props=props)

    def _start(self) -> FacetOptions:
        self.starts += 1
        return FacetOptions(self._cls())


@pytest.fixture
def supervisor(host: Host) -> Stub:
    return host(Supervisor)


def test_a_facet_starts_at_its_first_use_and_once(supervisor: Stub) -> None:
    assert supervisor.unused() == 0
    assert supervisor.two(1) == 2
    assert supervisor.count() == 1


def test_facets_have_their_own_data(supervisor: Stub) -> None:
    assert supervisor.add("a", 1) == 1
    assert supervisor.add("b", 10) == 10
    assert supervisor.add("a", 1) == 2


def test_an_aborted_facet_fails_its_stubs_and_keeps_its_data(supervisor: Stub) -> None:
    supervisor.add("a", 5)
    with pytest.raises(facetbox.AbortedError, match="new code") as caught:
        supervisor.abort("new code")
    assert caught.value.code == "ABORTED"
    assert supervisor.add("a", 1) == 6
    assert supervisor.count() == 2


def test_the_reason_of_an_abort_may_be_an_exception(supervisor: Stub) -> None:
    assert supervisor.abort_with() is True


def test_a_deleted_facet_starts_empty(supervisor: Stub) -> None:
    supervisor.add("a", 5)
    assert supervisor.has("a") is True
    supervisor.delete("a")
    assert supervisor.has("a") is False
    assert supervisor.add("a", 1) == 1


def test_a_clone_goes_on_by_itself(supervisor: Stub) -> None:
    supervisor.add("a", 5)
    supervisor.clone("a", "b")
    assert supervisor.add("b", 1) == 6
    assert supervisor.add("a", 1) == 6
    assert supervisor.list() == ["a", "b"]


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_a_name_that_is_empty_or_too_long_is_refused(supervisor: Stub, name: str) -> None:
    with pytest.raises(facetbox.InvalidArgument, match="Facet name"):
        supervisor.add(name, 1)


def test_a_facet_sees_its_parents_id_or_the_chosen_one_and_props(supervisor: Stub) -> None:
    assert supervisor.about("chosen", {"a": 1}) == {"id": "chosen", "props": {"a": 1}}
    supervisor.delete("b")
    assert supervisor.about(None, None) == {"id": supervisor.own_id(), "props": {}}


class Leaf(DurableObject):
    ids: ClassVar[list[ObjectId]] = []

    def path(self) -> list[str]:
        return ["leaf"]

    def kinds(self) -> list[object]:
        Leaf.ids.append(self.ctx.id)
        return [str(self.ctx.id), self.ctx.id.name, repr(self.ctx.id)]


class Middle(DurableObject):
    def path(self) -> list[str]:
        return ["middle", *self._leaf().path()]

    def kinds(self) -> object:
        return self._leaf().kinds()

    def _leaf(self) -> Stub:
        return self.ctx.facets.get("leaf", lambda: FacetOptions(Leaf, "an id"))


class Top(DurableObject):
    def path(self) -> object:
        # The class alone will do.
        return ["top", *self.ctx.facets.get("middle", lambda: Middle).path()]

    def kinds(self) -> object:
        own = self.ctx.facets.get("own", lambda: FacetOptions(Leaf)).kinds()
        given = self.ctx.facets.get("given", lambda: FacetOptions(Leaf, self.ctx.id)).kinds()
        return [own == given, own[0], self.ctx.facets.get("middle", lambda: Middle).kinds()]


def test_python_classes_are_facets_and_nest(host: Host) -> None:
    assert host(Top).path() == ["top", "middle", "leaf"]


def test_an_id_chosen_as_text_is_an_id(runtime: facetbox.Runtime, host: Host) -> None:
    top = host(Top)
    assert top.kinds() == [True, str(top.id), ["an id", None, 'ObjectId("an id")']]
    own, given, chosen = Leaf.ids
    assert own == given and hash(own) == hash(given) and own != chosen
    with pytest.raises(facetbox.InvalidArgument, match='"an id" is what a facet has as its id'):
        runtime.namespace("Leaves", Leaf).get(chosen)


def test_facets_may_be_nested_to_the_limit(host: Host) -> None:
    class Deep(DurableObject):
        def depth(self) -> int:
            try:
                return 1 + int(self.ctx.facets.get("next", lambda: Deep).depth())
            except facetbox.LimitError as error:
                assert error.code == "LIMIT_DEPTH"
                return 1

    assert host(Deep).depth() == 16


def test_a_start_that_raises_is_tried_again_by_the_next_stub(host: Host) -> None:
    class Fussy(DurableObject):
        tries = 0

        def path(self) -> object:
            return self.ctx.facets.get("leaf", self._start).path()

        def _start(self) -> type[DurableObject]:
            self.tries += 1
            if self.tries == 1:
                raise LookupError("not yet")
            return Leaf

    stub = host(Fussy)
    with pytest.raises(LookupError, match="not yet"):
        stub.path()
    assert stub.path() == ["leaf"]


def test_a_start_that_returns_something_else_is_refused(host: Host) -> None:
    class Wrong(DurableObject):
        def hello(self) -> None:
            self.ctx.facets.get("a", lambda: 7).hello()  # type: ignore[arg-type, return-value]

    with pytest.raises(facetbox.InvalidArgument, match="must return FacetOptions or a class, got 7"):
        host(Wrong).hello()


def test_delete_all_deletes_the_facets_too(host: Host) -> None:
    class Clean(Supervisor):
        def clean(self, way: str) -> object:
            self.ctx.storage.kv.put("a", 1)
            (self.ctx if way == "ctx" else self.ctx.storage).delete_all()
            return [self.ctx.storage.kv.get("a"), self.ctx.facets.list()]

    stub = host(Clean)
    for way in ("ctx", "storage"):
        assert stub.add("a", 1) == 1
        assert stub.clean(way) == [None, []]
