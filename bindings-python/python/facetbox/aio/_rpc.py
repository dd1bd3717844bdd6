"""Functions and objects that a guest has passed by reference."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from .._native import RpcStub as NativeRpcStub
from .._object import Handle
from ._loop import here, outcome


class RpcStub(Handle):
    """A function, or an object with methods, that a guest has passed in arguments or a result.

    ``await stub(1, 2)`` calls a function, ``await stub.method(1, 2)`` a method of an object; calls arrive in
    the order in which they were begun. It works while the instance that has made it runs, and raises
    AbortedError once that has hibernated, was aborted or hit a limit. The guest keeps it until it is
    forgotten here.
    """

    __slots__ = ()

    _native: NativeRpcStub

    def __init__(self, native: NativeRpcStub) -> None:
        self._native = native

    async def __call__(self, *args: object) -> Any:
        """Calls the function and returns its answer.

        Raises what the function raises, and the subclass of Error for what stands in its way.
        """
        return await self._invoke(None, args)

    async def _invoke(self, method: str | None, args: tuple[object, ...]) -> Any:
        loop = here()
        return await outcome(lambda future: loop.call_back(future, self._native, method, args))

    def __getattr__(self, name: str, /) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name.startswith("_"):
            raise AttributeError(f"A stub has no attribute {name!r}.")
        return lambda *args: self._invoke(name, args)

    def __repr__(self) -> str:
        return f"aio.{self._native!r}"
