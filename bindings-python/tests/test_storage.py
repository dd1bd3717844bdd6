"""The storage of a class written in Python: keys and values, SQL, transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import facetbox
import pytest
from conftest import Host
from facetbox import DurableObject, Runtime, Storage

Body = Callable[[Storage], Any]


@pytest.fixture
def on_storage(runtime: Runtime) -> Iterator[Callable[[Body], Any]]:
    """Runs a function on the storage of one object and returns what it returns."""
    results: list[Any] = []
    bodies: list[Body] = []

    class Host(DurableObject):
        def run(self) -> None:
            results.append(bodies.pop()(self.ctx.storage))

    stub = runtime.namespace("storage", Host).get_by_name("it")

    def run(body: Body) -> Any:
        bodies.append(body)
        stub.run()
        return results.pop()

    yield run


On = Callable[[Body], Any]


def test_a_key_is_put_read_and_deleted(on_storage: On) -> None:
    def body(storage: Storage) -> list[object]:
        kv = storage.kv
        kv.put("a", {"n": [1, b"x"]})
        return [kv.get("a"), kv.get("b"), kv.get("b", 7), kv.delete("a"), kv.delete("a"), kv.get("a")]

    assert on_storage(body) == [{"n": [1, b"x"]}, None, 7, True, False, None]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, "a b ba bb c"),
        ({"prefix": "b"}, "b ba bb"),
        ({"start": "b", "end": "bb"}, "b ba"),
        ({"start_after": "b"}, "ba bb c"),
        ({"reverse": True, "limit": 2}, "c bb"),
        ({"prefix": "x"}, ""),
    ],
)
def test_a_list_covers_what_its_options_say(
    on_storage: On, options: dict[str, Any], keys: str
) -> None:
    def body(storage: Storage) -> dict[str, object]:
        for key in ("c", "bb", "ba", "b", "a"):
            storage.kv.put(key, key.upper())
        return dict(storage.kv.list(**options))

    assert on_storage(body) == {key: key.upper() for key in keys.split()}


def test_a_limit_below_one_is_refused(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        for limit in (0, -1):
            with pytest.raises(facetbox.InvalidArgument, match="limit"):
                storage.kv.list(limit=limit)

    on_storage(body)


def test_a_later_list_invalidates_an_earlier_one(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        for key in "abc":
            storage.kv.put(key, 1)
        first = storage.kv.list()
        next(first)
        list(storage.kv.list())
        with pytest.raises(facetbox.Error, match="invalidated"):
            next(first)

    on_storage(body)


def with_rows(storage: Storage) -> None:
    storage.sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB, x REAL)")
    for row in ((1, "one", b"\x01", 1.5), (2, "two", None, None), (3, None, b"", 3.0)):
        storage.sql.exec("INSERT INTO t VALUES (?, ?, ?, ?)", *row)


def test_rows_are_dicts(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        with_rows(storage)
        cursor = storage.sql.exec("SELECT * FROM t WHERE name <> ? ORDER BY id", "three")
        assert cursor.column_names == ["id", "name", "data", "x"]
        assert list(cursor) == [
            {"id": 1, "name": "one", "data": b"\x01", "x": 1.5},
            {"id": 2, "name": "two", "data": None, "x": None},
        ]
        assert cursor.rows_read >= 2

    on_storage(body)


def test_the_ways_to_read_a_cursor(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        with_rows(storage)
        exec = storage.sql.exec
        assert exec("SELECT name FROM t WHERE id = 2").one() == {"name": "two"}
        assert exec("SELECT id FROM t").to_array() == [{"id": 1}, {"id": 2}, {"id": 3}]
        assert list(exec("SELECT id, id FROM t WHERE id > 1").raw()) == [[2, 2], [3, 3]]
        cursor = exec("SELECT id FROM t WHERE id = 1")
        assert (cursor.next(), cursor.next()) == ({"id": 1}, None)
        with pytest.raises(facetbox.Error, match="no results"):
            exec("SELECT id FROM t WHERE id = 9").one()
        with pytest.raises(facetbox.Error, match="multiple results"):
            exec("SELECT id FROM t").one()

    on_storage(body)


def test_writes_are_counted_and_take_space(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        with_rows(storage)
        assert storage.sql.exec("UPDATE t SET x = 1").rows_written == 3
        assert storage.sql.database_size > 0

    on_storage(body)


def test_errors_of_sql_say_what_sqlite_says(on_storage: On) -> None:
    with pytest.raises(facetbox.Error, match="syntax error"):
        on_storage(lambda storage: storage.sql.exec("SELEC 1"))
    with pytest.raises(facetbox.Error, match="parameter"):
        on_storage(lambda storage: storage.sql.exec("SELECT ?"))
    with pytest.raises(facetbox.Error, match="transactionSync"):
        on_storage(lambda storage: storage.sql.exec("BEGIN"))


def test_what_cannot_be_bound_is_refused(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        for value in ([1], {"a": 1}):
            with pytest.raises(facetbox.Error):
                storage.sql.exec("SELECT ?", value)

    on_storage(body)


def test_a_transaction_that_raises_is_rolled_back(on_storage: On) -> None:
    problem = LookupError("changed my mind")

    def inner(storage: Storage) -> None:
        storage.kv.put("a", 2)
        raise problem

    def body(storage: Storage) -> None:
        storage.kv.put("a", 1)
        with pytest.raises(LookupError) as caught:
            storage.transaction_sync(lambda: inner(storage))
        assert caught.value is problem
        assert storage.kv.get("a") == 1

    on_storage(body)


def test_the_function_of_a_transaction_may_call_others(runtime: Runtime) -> None:
    class Other(DurableObject):
        def fail(self) -> None:
            raise LookupError("no")

        def answer(self) -> int:
            return 7

    class Caller(DurableObject):
        def run(self, method: str) -> int:
            self.ctx.storage.kv.put("before", method)
            answer: int = self.ctx.storage.transaction(lambda: self._call(method))
            return answer

        def sync(self) -> None:
            self.ctx.storage.transaction_sync(lambda: self._call("answer"))

        def _call(self, method: str) -> Any:
            self.ctx.storage.kv.put("inside", method)
            return others.get_by_name("it").call(method)

        def kept(self) -> list[object]:
            return [self.ctx.storage.kv.get("before"), self.ctx.storage.kv.get("inside")]

    others = runtime.namespace("Other", Other)
    stub = runtime.namespace("Caller", Caller).get_by_name("it")
    with pytest.raises(LookupError):
        stub.run("fail")
    assert stub.kept() == ["fail", None]
    assert stub.run("answer") == 7
    assert stub.kept() == ["answer", "answer"]
    with pytest.raises(facetbox.InvalidArgument, match="can't call others"):
        stub.sync()


def test_the_function_of_a_transaction_is_not_async(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        async def write() -> None:
            storage.kv.put("a", 1)

        def pretend() -> object:
            storage.kv.put("b", 1)
            return write()

        for function in (write, pretend):
            with pytest.raises(facetbox.InvalidArgument, match="must not be async"):
                storage.transaction_sync(function)
            with pytest.raises(facetbox.InvalidArgument, match="must not be async"):
                storage.transaction(function)
        assert list(storage.kv.list()) == []

    on_storage(body)


def test_a_transaction_returns_what_its_function_does(on_storage: On) -> None:
    result = object()

    def body(storage: Storage) -> object:
        def outer() -> object:
            storage.kv.put("a", 1)
            with pytest.raises(LookupError):
                storage.transaction_sync(lambda: fail(storage))
            return result

        return [storage.transaction_sync(outer) is result, storage.kv.get("a"), storage.kv.get("b")]

    def fail(storage: Storage) -> None:
        storage.kv.put("b", 1)
        raise LookupError

    assert on_storage(body) == [True, 1, None]


def test_a_method_that_raises_keeps_what_it_wrote(host: Host) -> None:
    class Careless(DurableObject):
        def fail(self) -> None:
            self.ctx.storage.kv.put("a", 1)
            raise LookupError

        def get(self) -> object:
            return self.ctx.storage.kv.get("a")

    stub = host(Careless)
    with pytest.raises(LookupError):
        stub.fail()
    assert stub.get() == 1


def test_what_is_synced_survives_an_abort(runtime: Runtime) -> None:
    class Careful(DurableObject):
        def abort(self) -> None:
            kv = self.ctx.storage.kv
            kv.put("a", 1)
            self.ctx.storage.sync()
            kv.put("b", 1)
            self.ctx.abort()

        def get(self) -> object:
            return dict(self.ctx.storage.kv.list())

    objects = runtime.namespace("careful", Careful)
    with pytest.raises(facetbox.AbortedError):
        objects.get_by_name("it").call("abort")
    assert objects.get_by_name("it").get() == {"a": 1}


def test_sync_raises_what_the_commit_does(on_storage: On) -> None:
    def body(storage: Storage) -> None:
        storage.sql.exec("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        storage.sql.exec("CREATE TABLE b (a REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
        storage.sync()
        storage.sql.exec("INSERT INTO b VALUES (1)")
        storage.sync()

    with pytest.raises(facetbox.ResetError, match="FOREIGN KEY"):
        on_storage(body)


def test_bookmarks_sort_in_the_order_they_were_given(on_storage: On) -> None:
    first = on_storage(lambda storage: storage.current_bookmark())
    later = on_storage(lambda storage: [storage.current_bookmark(), storage.current_bookmark()])
    assert [first, *later] == sorted({first, *later})
