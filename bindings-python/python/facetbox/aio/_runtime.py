"""Opening runtimes for a loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _native, _object
from .._metrics import Metrics
from .._native import DurableObjectClass, ManualClock, Request, Response
from .._options import Limits, WorkerCode
from .._runtime import open as open_blocking
from .._tail import TailEvent
from .._whole import Report
from ._ctx import DurableObject
from ._loader import Loader
from ._loop import here, outcome
from ._namespace import Namespace
from ._stub import Stub

if TYPE_CHECKING:
    from .._native import _Body, _HeadersInit

_log = logging.getLogger("facetbox")


class Runtime:
    """An open data directory, made by ``open``. Leaving its ``async with`` block closes it.

    Namespaces and stubs don't keep it open: after ``close`` they raise ClosedError.
    """

    __slots__ = ("__weakref__", "_native")

    def __init__(self, native: _native.Runtime) -> None:
        self._native = native

    def namespace(
        self,
        name: str,
        cls: type[DurableObject] | type[_object.DurableObject] | DurableObjectClass,
        env: Mapping[str, object] | None = None,
        limits: Limits | None = None,
    ) -> Namespace:
        """Binds a name to a class: a subclass of DurableObject, which runs on the running loop; a
        subclass of ``facetbox.DurableObject``, which blocks and runs on threads of the runtime; or one
        loaded from guest code.

        The name decides where the objects' data is. ``env`` is what a Python class gets as ``self.env``:
        data, functions and objects of this loop, stubs, loaders; by default it has the runtime's loader as
        LOADER. Guest classes get the env of their WorkerCode instead. ``limits`` replace the runtime's.

        Raises InvalidArgument for a name that is empty or bound already.
        """
        return Namespace(here().namespace(self._native, name, cls, env, limits))

    def get_namespace(self, name: str) -> Namespace:
        """The namespace bound to ``name``. Raises NotFoundError if there is none."""
        return Namespace(self._native.get_namespace(name))

    async def deploy(
        self, name: str, code: WorkerCode, env: Mapping[str, object] | None = None
    ) -> Deployment:
        """Runs a whole module that may contain supervisors and a fetch handler; see
        ``facetbox.Runtime.deploy``."""
        loop = here()
        return Deployment(
            await outcome(lambda future: loop.deploy(future, self._native, name, code, env))
        )

    async def run_due_alarms(self) -> int:
        """Fires the alarms that are due, one after the other, and returns how many handlers ran. For
        runtimes whose alarms are manual, and for tests. Each object's and facet's fires once: one
        that its handler sets to a time that is past fires in the next call.

        What a handler raises doesn't come out: its alarm is tried again later.
        """
        loop = here()
        fired: int = await outcome(lambda future: loop.run_due_alarms(future, self._native))
        return fired

    async def verify(self) -> Report:
        """Checks every object on disk, running or not; see ``facetbox.Runtime.verify``."""
        return await asyncio.to_thread(self._native.verify)

    def metrics(self) -> Metrics:
        """What the runtime has done since it was opened. Also after it was closed."""
        return self._native.metrics()

    def metrics_text(self) -> str:
        """The metrics in the text format of Prometheus: names begin with ``facetbox_``, times are in
        seconds."""
        return self._native.metrics_text()

    def loader(self) -> Loader:
        """A Worker Loader with a cache of its own."""
        return Loader(self._native.loader())

    async def close(self) -> None:
        """Ends every object, closes every database and stops the threads. Closing again does nothing.

        Calls that are going on raise ClosedError, as does everything called afterwards.
        """
        await asyncio.to_thread(self._native.close)

    async def __aenter__(self) -> Runtime:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"


class Deployment:
    """A module that runs under a name: its classes are namespaces, its default export answers requests.

    All handles of one name see the version that was deployed last.
    """

    __slots__ = ("_native",)

    def __init__(self, native: _native.Deployment) -> None:
        self._native = native

    @property
    def name(self) -> str:
        """Its name."""
        return self._native.name

    @property
    def class_names(self) -> list[str]:
        """The classes that it exports, sorted."""
        return self._native.class_names

    def namespace(self, class_name: str) -> Namespace:
        """The namespace of an exported class. Its name is ``name/class_name``.

        Raises NotFoundError, which tells the classes that there are.
        """
        return Namespace(self._native.namespace(class_name))

    def get_entrypoint(self, name: str = "default") -> Stub:
        """A stub of an exported entrypoint. It keeps to the code that is deployed now.

        Raises NotFoundError if there is none.
        """
        return Stub(self._native.get_entrypoint(name))

    def fetcher(self) -> Stub:
        """The stub through which requests go: of the default export as it is deployed now.

        Raises NotFoundError if there is no default export with a fetch handler.
        """
        return Stub(self._native.fetcher())

    async def fetch(
        self,
        input: Request | str,
        /,
        *,
        method: str | None = None,
        headers: _HeadersInit | None = None,
        body: _Body | None = None,
    ) -> Response:
        """Sends a request, or one made of a URL and the other arguments, to the default export's fetch
        handler and returns the response. Raises as ``Stub.fetch`` and ``fetcher`` do."""
        return await self.fetcher().fetch(input, method=method, headers=headers, body=body)

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"


class _Opening(Awaitable[Runtime]):
    """A runtime that is about to be opened: to be awaited, or entered with ``async with``."""

    __slots__ = ("_begin", "_has_begun", "_runtime")

    def __init__(self, begin: Callable[[], Awaitable[Runtime]]) -> None:
        self._begin = begin
        self._has_begun = False
        self._runtime: Runtime | None = None

    def __await__(self) -> Generator[Any, None, Runtime]:
        self._has_begun = True
        return self._begin().__await__()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if hasattr(Runtime, name):
                message = f"what aio.open() returns has no {name!r} before it is awaited"
                raise AttributeError(message, name=name, obj=self)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __del__(self) -> None:
        # As of coroutines.
        if not self._has_begun:
            message = "aio.open() was never awaited: no runtime was opened"
            warnings.warn(message, RuntimeWarning, stacklevel=2, source=self)

    async def __aenter__(self) -> Runtime:
        self._runtime = await self
        return self._runtime

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runtime is not None:
            await self._runtime.close()


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    durability: str = "full",
    limits: Limits | None = None,
    clock: ManualClock | None = None,
    alarms: str = "automatic",
    idle_ms: int | None = None,
    max_warm: int | None = None,
    threads: int | None = None,
    engines: Iterable[str] | None = None,
    on_tail: Callable[[TailEvent], object] | None = None,
) -> _Opening:
    """Opens a data directory: ``runtime = await open(...)``, or ``async with open(...) as runtime:``.

    The options are those of ``facetbox.open``; ``on_tail``, a coroutine or not, is called on the running
    loop.
    """

    async def begin() -> Runtime:
        receive = None if on_tail is None else _receiver(asyncio.get_running_loop(), on_tail)
        opening = functools.partial(
            open_blocking,
            path,
            durability=durability,
            limits=limits,
            clock=clock,
            alarms=alarms,
            idle_ms=idle_ms,
            max_warm=max_warm,
            threads=threads,
            engines=engines,
            on_tail=receive,
        )
        return Runtime(await asyncio.to_thread(opening))

    return _Opening(begin)


def _receiver(
    loop: asyncio.AbstractEventLoop, on_tail: Callable[[TailEvent], object]
) -> Callable[[TailEvent], object]:
    tasks: set[asyncio.Future[object]] = set()

    def ended(task: asyncio.Future[object]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the receiver of tail events has failed", exc_info=error)

    def receive(event: TailEvent) -> None:
        answer = on_tail(event)
        if inspect.isawaitable(answer):
            task = asyncio.ensure_future(answer)
            tasks.add(task)
            task.add_done_callback(ended)

    def post(event: TailEvent) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(receive, event)

    return post
