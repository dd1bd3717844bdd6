"""The native half of the package; import its names from ``facetbox``."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar, final

from ._metrics import Metrics
from ._object import DurableObject
from ._options import FacetOptions, Limits, WorkerCode
from ._tail import TailEvent
from ._whole import ObjectInfo, QueryRows, Report, Usage

_T = TypeVar("_T")
_HeadersInit = Headers | Mapping[str, str] | Iterable[tuple[str, str] | list[str]]
_Body = str | bytes | bytearray

ERROR_CODES: Final[tuple[tuple[str, int, str, str], ...]]
__version__: Final[str]

def open_runtime(
    path: str | os.PathLike[str] | None,
    durability: str,
    limits: Limits | None,
    clock: ManualClock | None,
    alarms: str,
    idle_ms: int | None,
    max_warm: int | None,
    threads: int | None,
    engines: Sequence[str] | None,
    on_tail: Callable[[TailEvent], object] | None,
) -> Runtime: ...

def _end() -> None:
    """Lets no other thread into the interpreter any more. Called at exit."""

def guest_guide(language: str, env: Mapping[str, object] | None = None) -> str:
    """How to write a guest in `language` ("luau" or "js"), in Markdown: for people, and as a prompt for a
    model that writes guests. With `env`, a section names what the guest finds there, without values.

    Raises InvalidArgument for another language.
    """

def guest_types(language: str) -> str:
    """The types of what a guest in `language` ("luau" or "js") finds: a `.d.luau` or `.d.ts` file.

    Raises InvalidArgument for another language.
    """

@final
class Runtime:
    """An open data directory, made by `open`. Leaving its `with` block closes it. One that is collected while
    it is open warns with a ResourceWarning.

    Namespaces and stubs don't keep it open: after `close` they raise ClosedError.
    """
    def namespace(
        self,
        name: str,
        cls: type[DurableObject] | DurableObjectClass,
        env: Mapping[str, object] | None = None,
        limits: Limits | None = None,
    ) -> Namespace:
        """Binds a name to a class: a subclass of DurableObject, or one loaded from guest code.

        The name decides where the objects' data is. `env` is what a Python class gets as `self.env`:
        data, functions, objects, stubs, loaders; by default it has the runtime's loader as LOADER.
        Guest classes get the env of their WorkerCode instead. `limits` replace the runtime's.

        Raises InvalidArgument for a name that is empty or bound already.
        """
    def get_namespace(self, name: str) -> Namespace:
        """The namespace bound to `name`. Raises NotFoundError if there is none."""
    def deploy(
        self,
        name: str,
        code: WorkerCode,
        env: Mapping[str, object] | None = None,
    ) -> Deployment:
        """Runs a whole module, in Luau or JavaScript, that may contain supervisors and a fetch handler.

        Each class that it exports and that extends DurableObject becomes the namespace `name/Class`, which
        the module's own code reaches as `ctx.exports.Class`. Its default export, if it has a fetch handler,
        answers `Deployment.fetch`. Its `env` is that of `code` with the entries of `env` put over it, and
        has a Worker Loader as `LOADER` unless one of them says otherwise.

        The module is compiled and evaluated now, so that its errors show here. Deploying a name again
        replaces its code: objects that run fail what they are doing with ResetError, new stubs reach the
        new code, data stays.

        Raises LoadError if the module doesn't load or exports nothing to run, GuestError for what it throws,
        InvalidArgument for a name that is empty or a namespace that is bound to something else. Nothing has
        changed then.
        """
    def run_due_alarms(self) -> int:
        """Fires the alarms that are due, one after the other, and returns how many handlers ran. For
        runtimes whose alarms are manual, and for tests. Each object's and facet's fires once: one
        that its handler sets to a time that is past fires in the next call.

        Blocks until the handlers have ended; not for use by an object or facet, whose own alarm would
        wait for it. Ctrl-C interrupts the wait. Whatever else a handler raises doesn't come out: its alarm is tried
        again later.
        """
    def verify(self) -> Report:
        """Checks every object on disk, running or not, and returns a Report: its databases, that the facets
        which they name have their directories, and that no alarm is missing in the index of alarms.

        Changes nothing. Objects keep running; one that wants to use a database which is being read waits
        for that. Blocks for as long as it takes to read everything. What is wrong is in the report.
        """
    def metrics(self) -> Metrics:
        """What the runtime has done since it was opened, as Metrics. Also after it was closed."""
    def metrics_text(self) -> str:
        """The metrics in the text format of Prometheus: names begin with `facetbox_`, times are in seconds."""
    def loader(self) -> Loader:
        """A Worker Loader with a cache of its own."""
    def close(self) -> None:
        """Ends every object, closes every database and stops the threads. Closing again does nothing.

        Calls that are going on raise ClosedError, as does everything called afterwards.
        """
    def __enter__(self) -> Runtime: ...
    def __exit__(
        self,
        *_exception: type[BaseException] | BaseException | TracebackType | None,
    ) -> None: ...

@final
class Deployment:
    """A module that runs under a name: its classes are namespaces, its default export answers requests.

    All handles of one name see the version that was deployed last.
    """
    @property
    def name(self) -> str:
        """Its name."""
    @property
    def class_names(self) -> list[str]:
        """The classes that it exports, sorted."""
    def namespace(self, class_name: str) -> Namespace:
        """The namespace of an exported class. Its name is `name/class_name`.

        Raises NotFoundError, which tells the classes that there are.
        """
    def get_entrypoint(self, name: str = "default") -> Stub:
        """A stub of an exported entrypoint. It keeps to the code that is deployed now.

        Raises NotFoundError if there is none.
        """
    def fetcher(self) -> Stub:
        """The stub through which requests go: of the default export as it is deployed now.

        Raises NotFoundError if there is no default export with a fetch handler.
        """
    def fetch(
        self,
        input: Request | str,
        /,
        *,
        method: str | None = None,
        headers: _HeadersInit | None = None,
        body: _Body | None = None,
    ) -> Response:
        """Sends a request, or one made of a URL and the other arguments, to the default export's fetch
        handler and returns the response. Raises as `Stub.fetch` and `fetcher` do.
        """

@final
class ManualClock:
    """A clock that stands still until it is moved, for tests of alarms.

    It replaces the wall clock of the runtime that is opened with it: what guests are told as the time,
    and when alarms are due. Limits and timers go by real time.
    """
    def __new__(cls, now_ms: int) -> ManualClock: ...
    @property
    def now_ms(self) -> int:
        """What it shows, in Unix milliseconds."""
    def set_ms(self, now_ms: int) -> None:
        """Sets it, in Unix milliseconds. Alarms that are due by then fire, unless they are manual."""
    def advance(self, by: float | timedelta) -> None:
        """Moves it on by seconds or a timedelta. Raises InvalidArgument for less than 0."""

@final
class Namespace:
    """A name bound to a class; every id of it is one object in the whole runtime.

    Iterating over it gives an ObjectInfo for each object that has data, in order of their ids.
    """
    @property
    def name(self) -> str:
        """Its name."""
    def id_from_name(self, name: str) -> ObjectId:
        """The id that belongs to a name: always the same one."""
    def id_from_string(self, text: str) -> ObjectId:
        """Reads an id back from its text.

        Raises InvalidArgument for anything but 64 hex digits of an id of this namespace.
        """
    def new_unique_id(self) -> ObjectId:
        """A new random id."""
    def get(self, id: ObjectId) -> Stub:
        """A stub of the object with this id. Neither creates nor contacts it.

        Raises InvalidArgument for an id of another namespace.
        """
    def get_by_name(self, name: str) -> Stub:
        """A stub of the object with this name: `get(id_from_name(name))`."""
    def list(self, after: ObjectId | None = None, limit: int = 1_000) -> list[ObjectInfo]:
        """The objects that have data, each as an ObjectInfo, in order of their ids: at most `limit` of
        those after `after`. The next page begins after the last id of this one.

        An object has data from its first write until it is deleted, even if it has emptied its storage.
        """
    def exists(self, id: ObjectId) -> bool:
        """Whether the object has data. It isn't started."""
    def delete(self, id: ObjectId) -> None:
        """Ends the object and removes its data, its facets and their alarms. Stubs that are bound to it
        raise AbortedError; a new stub reaches a new, empty object. Does nothing if there is none.

        What the object was doing is cut short, its uncommitted writes are gone. All data goes at once.
        """
    def usage(self, id: ObjectId) -> Usage:
        """What the object takes with all its facets, as a Usage; zero if it has no data. Neither starts it
        nor waits for what it is doing.
        """
    def export(self, id: ObjectId, path: str | os.PathLike[str]) -> None:
        """Copies the object with all its facets to `path`, a new directory, while it runs: waits until it is
        between two events and keeps it there. Facets are copied as they were last committed.

        In the directory `data.sqlite` is the object's database, a directory with a number is a facet and
        has the same in it, and `manifest.json` tells which facet that is. The directory gets its name
        when it is complete and on disk.

        Raises NotFoundError if the object has no data, InvalidArgument if `path` exists.
        """
    def import_(self, id: ObjectId, path: str | os.PathLike[str]) -> None:
        """Makes the object from what was exported to `path`, of the same object or another: with its facets
        and alarms. All of it is there, or nothing after an error or a crash.

        The files may come from anywhere: they are copied first and checked before the object gets them.

        Raises InvalidArgument if the object has data, StorageError for files that aren't an export, are
        damaged or of a newer version, LimitError for more than the namespace's limits allow.
        """
    def query(
        self,
        id: ObjectId,
        query: str,
        /,
        *bindings: object,
        facets: Sequence[str] | None = None,
    ) -> QueryRows:
        """Runs one SQL statement that reads, on the database of the object or, with names of facets, of the
        facet that they lead to, and returns QueryRows: at most 10,000 rows and 16 MiB.

        It sees everything, Facetbox's own tables included, and can't write. Waits until what it reads is
        between two events; a facet that doesn't run isn't started.

        Raises InvalidArgument for a statement that does anything but read, for several statements and a
        wrong number of bindings; NotFoundError if there is no such object or facet or it has no data;
        LimitError for a query that takes too much time or memory; StorageError with SQLite's message.
        """
    def __iter__(self) -> ObjectIterator: ...

@final
class ObjectIterator:
    """The objects of a namespace, read page by page."""
    def __iter__(self) -> ObjectIterator: ...
    def __next__(self) -> ObjectInfo: ...

@final
class ObjectId:
    """Identifies one object of a namespace. `str(id)` gives its 64 hex digits.

    Ids are equal when their digits are, whatever their names. What a facet sees as its id may be any text that its
    supervisor has chosen: `str(id)` then gives that.
    """
    @property
    def name(self) -> str | None:
        """The name it was made from, if it was and was not read back from text."""
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Stub:
    """The address of an object, a facet or an entrypoint.

    `stub.method(1, 2)` calls a method, whatever its name, unless that starts with `_` or is one of the
    names below; `stub.call` reaches those, too. Calls block with the GIL released and run on the
    calling thread.

    A stub binds to the running object at its first use. When that breaks, the stub keeps raising its
    error; a new stub reaches a new one.
    """
    @property
    def id(self) -> ObjectId | None:
        """The id of the object; None for facets and entrypoints."""
    @property
    def name(self) -> str | None:
        """The name that the object's id was made from."""
    def call(self, method: str, /, *args: object) -> Any:
        """Calls a method and returns its answer.

        Raises what the method raises, and the subclass of Error for what stands in its way.
        """
    def fetch(
        self,
        input: Request | str,
        /,
        *,
        method: str | None = None,
        headers: _HeadersInit | None = None,
        body: _Body | None = None,
    ) -> Response:
        """Sends a request, or one made of a URL and the other arguments, and returns the response.

        Raises as `call` does.
        """
    def exists(self) -> bool:
        """Whether the object has data, or the facet exists. Neither is started.

        Raises UnsupportedError for an entrypoint.
        """
    def usage(self) -> Usage:
        """What the object or facet takes with everything below it, as a Usage.

        Raises NotFoundError for a facet that doesn't exist, UnsupportedError for an entrypoint.
        """
    def __getattr__(self, name: str, /) -> StubMethod: ...

@final
class StubMethod:
    """A method of the object behind a stub, to be called."""
    def __call__(self, *args: object) -> Any: ...

@final
class RpcStub:
    """A function, or an object with methods, that a guest has passed in arguments or a result.

    `stub(1, 2)` calls a function, `stub.method(1, 2)` a method of an object. It works while the instance that
    has made it runs, and raises AbortedError once that has hibernated, was aborted or hit a limit. The guest
    keeps it until it is forgotten here.
    """
    def __call__(self, *args: object) -> Any: ...
    def __getattr__(self, name: str, /) -> RpcMethod: ...

@final
class Revoker:
    """Takes functions, objects and stubs back, at once and from whoever has got them meanwhile.

    Dropping a revoker revokes nothing. Any thread may use it.
    """
    def __new__(cls) -> Revoker: ...
    def wrap(self, value: Any) -> Any:
        """What works as a callable, object or stub does, to be put into an `env`, props or arguments in its place, until
        `revoke()`; of a dict, list, tuple or set, a copy in which each of them does. Data stays as it is.

        Raises InvalidArgument for classes, namespaces and loaders, which can't be taken back: abort the facet that has
        them.
        """
    def revoke(self) -> None:
        """Takes back all that was wrapped, and what will be: calls raise AbortedError in whoever makes them, those that
        are on their way included.

        A function that runs for one goes on to its end, but its answer is lost. What calls have answered before isn't
        taken back. Doesn't block.
        """
    @property
    def is_revoked(self) -> bool:
        """Whether that has been done."""

@final
class Revocable:
    """A callable or object that a Revoker has wrapped, to be handed over in its place."""

@final
class RpcMethod:
    """A method of an object, to be called."""
    def __call__(self, *args: object) -> Any: ...

@final
class Ctx:
    """The context of one object or facet: its id, storage and facets.

    Any thread may use it while the instance runs. Once the object is broken, everything raises its
    error.
    """
    @property
    def id(self) -> ObjectId:
        """The object's id; for a facet its parent's, or the id or text that its supervisor chose."""
    @property
    def props(self) -> Any:
        """The props that the class was bound with; None without."""
    @property
    def storage(self) -> Storage:
        """The storage of this object or facet."""
    @property
    def facets(self) -> Facets:
        """Its facets."""
    def abort(self, reason: str | None = None) -> NoReturn:
        """Aborts this object or facet, and always raises: AbortedError with the reason.

        What is uncommitted is discarded; all its stubs and facets raise the same from now on.
        """
    def delete_all(self) -> None:
        """Deletes everything that the object or facet and its facets store: `storage.delete_all()`."""
    def _keep_awake(self) -> Awake:
        """Keeps the instance from being dropped as idle until the answer is released."""
    def _begin_turn(self) -> None:
        """Says that code on an event loop is about to write, once in each turn of the loop."""
    def _end_turn(self) -> None:
        """Says that the turn is over."""

@final
class Storage:
    """The storage of one object or facet: a SQLite database.

    What a method writes is committed when it returns, also if it raises, or before it calls another
    object.
    """
    @property
    def kv(self) -> Kv:
        """The key-value store."""
    @property
    def sql(self) -> Sql:
        """SQL."""
    def get_alarm(self) -> int | None:
        """The time that the alarm is set to, in Unix milliseconds; None without one.

        Within its handler the alarm reads as unset.
        """
    def set_alarm(self, time: float | datetime) -> None:
        """Sets the alarm, in place of the one that is set: at `time` the class's `alarm(info)` runs.

        `time` is in Unix milliseconds, or a datetime with a time zone; one in the past means now. It is
        set when what the method writes is committed.

        Raises InvalidArgument for a time that isn't above 0, ValueError for a datetime without a time
        zone.
        """
    def delete_alarm(self) -> None:
        """Deletes the alarm, if one is set. A handler that runs already goes on."""
    def sync(self) -> None:
        """Commits what has been written, and returns when it is as durable as the runtime promises.

        Raises ResetError if a deferred constraint is violated; what was uncommitted is gone then.
        """
    def current_bookmark(self) -> str:
        """A text that names this moment: each one sorts after those that were given before, restarts
        included. Going back to a bookmark isn't supported yet.
        """
    def delete_all(self) -> None:
        """Deletes everything that the object or facet and its facets store; running facets are aborted."""
    def transaction_sync(self, function: Callable[[], _T]) -> _T:
        """Calls `function` in a transaction and returns what it returns.

        If it raises, everything it wrote is rolled back and the exception goes on. Transactions nest.

        Raises InvalidArgument for an `async` function.
        """
    def transaction(self, function: Callable[[], _T]) -> _T:
        """Like `transaction_sync`, for a `function` that calls others: they run before it is known whether the
        transaction is committed. What was written before is committed first.

        Raises InvalidArgument for an `async` function.
        """

@final
class Kv:
    """The key-value store of one object or facet."""
    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
    def put(self, key: str, value: object) -> None:
        """Stores a value.

        Raises ValueError for what can't be stored, such as functions and stubs.
        """
    def delete(self, key: str) -> bool:
        """Deletes a key; returns whether it was there."""
    def list(
        self,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> KvList:
        """Iterates over (key, value) pairs in the order of the keys' UTF-8 bytes.

        `start` is inclusive, `start_after` and `end` are exclusive. A later list of the same storage
        invalidates the iterator.
        """

@final
class KvList:
    """The entries of a list, read one by one."""
    def __iter__(self) -> KvList: ...
    def __next__(self) -> tuple[str, Any]: ...

@final
class Sql:
    """SQL over the storage of one object or facet."""
    def exec(self, query: str, /, *bindings: object) -> SqlCursor:
        """Runs one or more statements, the last with `bindings`, and returns its rows.

        Raises StorageError with SQLite's message. Transactions are `transaction_sync`'s, not SQL's.
        """
    @property
    def database_size(self) -> int:
        """Bytes of the database that are in use."""

@final
class SqlCursor:
    """The rows of one `exec`, read as they are asked for. Iterating over it gives dicts."""
    def next(self) -> dict[str, Any] | None:
        """The next row, or None after the last."""
    def one(self) -> dict[str, Any]:
        """The only row that is left. Raises an Error if there is none or more than one."""
    def to_array(self) -> list[dict[str, Any]]:
        """The rows that are left."""
    def raw(self) -> RawRows:
        """The rows that are left as lists of their columns, read as they are asked for."""
    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
    @property
    def rows_read(self) -> int:
        """Rows read so far."""
    @property
    def rows_written(self) -> int:
        """Rows written so far."""
    def __iter__(self) -> SqlCursor: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class RawRows:
    """The rows of a cursor as lists of their columns."""
    def __iter__(self) -> RawRows: ...
    def __next__(self) -> list[Any]: ...

@final
class Facets:
    """The facets of one object or facet."""
    def get(
        self,
        name: str,
        start: Callable[[], FacetOptions | type[DurableObject] | DurableObjectClass],
    ) -> Stub:
        """A stub of the facet `name`.

        Nothing starts before its first use: then `start` is called, once, unless the facet runs
        already. It returns FacetOptions, or just the class.

        Raises InvalidArgument for a name that is empty or longer than 256 bytes.
        """
    def abort(self, name: str, reason: str | BaseException) -> None:
        """Stops the facet and its descendants; their stubs raise `reason`: that exception, or
        AbortedError with that text. Data is kept.
        """
    def delete(self, name: str) -> None:
        """Stops the facet and deletes its data and that of its descendants."""
    def clone(self, src: str, dst: str) -> None:
        """Replaces facet `dst` and its descendants by a copy of `src` and its descendants.

        A missing `src` leaves `dst` empty; `src` goes on running, `dst` is stopped first.
        """
    def list(self) -> list[str]:
        """The names of the facets that exist, running or not, in order."""
    def exists(self, name: str) -> bool:
        """Whether the facet exists, running or not."""
    def usage(self, name: str) -> Usage:
        """What the facet takes with its own facets, as a Usage. Raises NotFoundError if there is none."""
    def export(self, name: str, path: str | os.PathLike[str]) -> None:
        """Copies the facet with its own facets to `path`, a new directory, as they were last committed. The
        directory is like that of an object and can be imported as one; see `Namespace.export`.

        Raises NotFoundError if the facet doesn't exist or has no data, InvalidArgument if `path` exists.
        """

@final
class Loader:
    """Loads guest code; the only way from text to a class."""
    def load(self, code: WorkerCode) -> WorkerStub:
        """Loads code that isn't cached.

        Errors in modules show at the first use of a class or entrypoint.
        """
    def get(self, id: str | None, callback: Callable[[], WorkerCode]) -> WorkerStub:
        """The worker cached as `id`, loaded from the WorkerCode that `callback` returns if there is none.

        With None as the id nothing is cached. A failure isn't either: it shows at the first use of the
        worker, and the next `get` tries again.
        """

@final
class WorkerStub:
    """Loaded code."""
    def get_durable_object_class(
        self,
        name: str = "default",
        *,
        props: object = None,
        limits: Limits | None = None,
    ) -> DurableObjectClass:
        """The exported class `name`: for a facet, or for a namespace.

        That it exists is checked when it is used. Its instances see `props` as `ctx.props`; `limits`
        count where they are lower than those of the code.
        """
    def get_entrypoint(
        self,
        name: str = "default",
        *,
        props: object = None,
        limits: Limits | None = None,
    ) -> Stub:
        """A stub of the exported entrypoint `name`, which is stateless: for one-off code."""

@final
class DurableObjectClass:
    """A class loaded from guest code: what a namespace's objects or a facet are instances of."""
    @property
    def name(self) -> str:
        """The name under which the code exports it."""

@final
class Headers:
    """A list of header fields. Names are compared without regard to case and kept in lower case.

    Made from a mapping, from pairs of names and values, or from other Headers.
    """
    def __new__(cls, init: _HeadersInit | None = None, /) -> Headers: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The values of `name` joined by `", "`, or `default` if there is none."""
    def set(self, name: str, value: str) -> None:
        """Replaces every field `name` by one.

        Raises InvalidArgument for what HTTP can't carry.
        """
    def append(self, name: str, value: str) -> None:
        """Adds a field beside those of the same name."""
    def delete(self, name: str) -> None:
        """Removes every field `name`."""
    def items(self) -> list[tuple[str, str]]:
        """The fields in order."""
    def keys(self) -> list[str]:
        """The names in order, each once."""
    def __getitem__(self, name: str, /) -> str: ...
    def __setitem__(self, name: str, value: str, /) -> None: ...
    def __delitem__(self, name: str, /) -> None: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...

@final
class Request:
    """A request: method, absolute URL, headers and a whole body.

    `Request(request, ...)` copies one and replaces what else is given.
    """
    def __new__(
        cls,
        input: Request | str,
        /,
        *,
        method: str | None = None,
        headers: _HeadersInit | None = None,
        body: _Body | None = None,
    ) -> Request: ...
    @property
    def method(self) -> str:
        """The method, such as `GET`."""
    @property
    def url(self) -> str:
        """The absolute URL, normalised."""
    @property
    def headers(self) -> Headers:
        """The header fields."""
    @property
    def body(self) -> bytes | None:
        """The body; None where there is none."""
    def text(self) -> str:
        """The body as text; invalid UTF-8 is replaced."""
    def json(self) -> Any:
        """The body parsed as JSON. Raises json.JSONDecodeError if it isn't."""

@final
class Response:
    """A response: status, headers and a whole body."""
    def __new__(
        cls,
        body: _Body | None = None,
        /,
        *,
        status: int = 200,
        headers: _HeadersInit | None = None,
    ) -> Response: ...
    @property
    def status(self) -> int:
        """The status code."""
    @property
    def ok(self) -> bool:
        """Whether the status is in the range 200 to 299."""
    @property
    def headers(self) -> Headers:
        """The header fields."""
    @property
    def body(self) -> bytes | None:
        """The body; None where there is none."""
    def text(self) -> str:
        """The body as text; invalid UTF-8 is replaced."""
    def json(self) -> Any:
        """The body parsed as JSON. Raises json.JSONDecodeError if it isn't."""

@final
class Inbox:
    """What comes to an event loop from elsewhere. There is one for each."""
    def __new__(cls, event_loop: Callable[[], object]) -> Inbox: ...

@final
class EventLoop:
    """A running event loop, as what it calls comes back to it, and the event that calls. Its methods neither block
    nor wait."""
    def __new__(cls, inbox: Inbox, scope: EventScope | None) -> EventLoop: ...
    def call(self, future: Any, stub: Stub, method: str, args: tuple[Any, ...]) -> Call:
        """Calls a method; its answer settles `future`."""
    def call_back(
        self, future: Any, stub: RpcStub, method: str | None, args: tuple[Any, ...]
    ) -> Call:
        """Calls a function of a guest, or a method of an object of it; its answer settles `future`."""
    def fetch(self, future: Any, stub: Stub, request: Request) -> Call:
        """Sends a request; its response settles `future`."""
    def run_due_alarms(self, future: Any, runtime: Runtime) -> Call:
        """Fires the alarms that are due; their number settles `future`."""
    def deploy(
        self,
        future: Any,
        runtime: Runtime,
        name: str,
        code: WorkerCode,
        env: Mapping[str, object] | None,
    ) -> Call:
        """Runs a whole module; a Deployment settles `future`."""
    def export(
        self, future: Any, namespace: Namespace, id: ObjectId, path: str | os.PathLike[str]
    ) -> Call:
        """Copies an object to a new directory; None settles `future`."""
    def query(
        self,
        future: Any,
        namespace: Namespace,
        id: ObjectId,
        query: str,
        bindings: tuple[Any, ...],
        facets: Sequence[str] | None,
    ) -> Call:
        """Runs one SQL statement that reads; QueryRows settle `future`."""
    def sync(self, future: Any, ctx: Ctx) -> Call:
        """Commits what an object has written and waits until it is durable."""
    def block_concurrency(self, future: Any, ctx: Ctx) -> Call:
        """Waits until an object has no other event; a Guard that keeps them out settles `future`."""
    def begin_transaction(self, future: Any, ctx: Ctx) -> Call:
        """Waits as that does, and opens a transaction; a Transaction settles `future`."""
    def commit(self, future: Any, ctx: Ctx, transaction: Transaction) -> Call:
        """Commits a transaction, and waits until that is durable."""
    def namespace(
        self,
        runtime: Runtime,
        name: str,
        cls: Any,
        env: Mapping[str, object] | None,
        limits: Limits | None,
    ) -> Namespace:
        """Binds a name to a class that may be at home here."""
    def fail(self, ctx: Ctx, exception: BaseException) -> None:
        """Resets an object or facet: every caller gets the exception."""
    def props(self, ctx: Ctx) -> Any:
        """The props of an object or facet."""
    def facet(self, facets: Facets, name: str, start: Callable[[], object]) -> Stub:
        """A stub of a facet, whose start callback runs here."""
    def load(self, loader: Loader, code: WorkerCode) -> WorkerStub:
        """Loads code whose functions run here."""
    def cached(self, loader: Loader, id: str) -> WorkerStub | None:
        """The worker cached as `id`, if there is one."""
    def insert(self, loader: Loader, id: str | None, code: WorkerCode) -> WorkerStub:
        """Loads code and caches it as `id`."""
    def durable_object_class(
        self,
        worker: WorkerStub,
        name: str,
        props: object,
        limits: Limits | None,
    ) -> DurableObjectClass:
        """The exported class `name`."""
    def entrypoint(
        self,
        worker: WorkerStub,
        name: str,
        props: object,
        limits: Limits | None,
    ) -> Stub:
        """A stub of the exported entrypoint `name`."""

@final
class Ask:
    """What a loop is asked for. Dropped without an answer, it answers that the loop has ended."""
    @property
    def scope(self) -> EventScope | None:
        """The event that asks."""
    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the answer any more."""
    def started(self, task: Callable[[], object]) -> None:
        """Says which task answers, as a weak reference."""
    def answer(self, value: object) -> None:
        """Answers."""
    def fail(self, exception: BaseException) -> None:
        """Answers with an exception."""
    def cancelled(self) -> None:
        """Answers that the task was cancelled."""

@final
class Call:
    """A call on its way. Cancelling or dropping it ends what it does on the runtime's side."""
    def cancel(self) -> None:
        """Ends the call, if it hasn't ended."""

@final
class Guard:
    """Keeps other events out of an object until it is released."""
    @property
    def scope(self) -> EventScope:
        """The scope that the section's code runs in."""
    def release(self) -> None:
        """Lets other events in."""

@final
class Transaction:
    """A transaction, until it has ended."""
    @property
    def scope(self) -> EventScope:
        """The scope that the transaction's code runs in."""
    def end(self) -> None:
        """Ends it, rolled back unless it was committed."""

@final
class Awake:
    """Keeps an instance from being dropped as idle until it is released."""
    def release(self) -> None:
        """Lets the instance go."""

@final
class EventScope:
    """The event that code on a loop runs for."""
