"""The exceptions, one class for each class that core's table of error codes names."""

from __future__ import annotations

import builtins

__all__ = [
    "AbortedError",
    "ClosedError",
    "DeadlockError",
    "Error",
    "ForkedError",
    "GuestError",
    "InUseError",
    "InvalidArgument",
    "LimitError",
    "LoadError",
    "NotFoundError",
    "PanicError",
    "ResetError",
    "StorageError",
    "UnsupportedError",
    "ValueError",
]


class Error(Exception):
    """The root of every exception of this package.

    A host function that raises one of these chooses what a guest sees of it:
    ``raise GuestError("too big", "RangeError")``.
    """

    code: str
    """The stable name of the error, such as ``LIMIT_CPU``."""
    name: str
    """The name that guests see, such as ``RangeError``."""
    message: str
    """The message, without the name."""
    stack: str | None
    """The guest's stack, innermost frame first, each line with ``module:line``."""
    path: str | None
    """The path ``namespace/object/facet/…`` of where it happened."""
    cause: object = None
    """What led to it, as the guest gave it; if that is an error, it is ``__cause__``, too."""

    def __init__(
        self,
        message: str = "",
        name: str = "Error",
        code: str = "GUEST_ERROR",
        stack: str | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.code = code
        self.stack = stack
        self.path = path
        if stack:
            # Python shows notes below the traceback.
            self.__notes__ = [f"in the guest:\n{stack}"]


class GuestError(Error):
    """Guest code threw an error; its text begins with the guest's own name for it."""

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class InvalidArgument(Error, builtins.ValueError):
    """An argument or option has a wrong type, value or range."""


class ClosedError(Error):
    """The runtime or handle was closed."""


class ForkedError(Error):
    """The runtime was opened in another process, before a fork."""


class InUseError(Error):
    """The data directory is open in another runtime."""


class UnsupportedError(Error):
    """The operation or module type is not supported."""


class NotFoundError(Error):
    """No such namespace, object, facet, method or export."""


class LoadError(Error):
    """Guest code does not load: syntax, missing or cyclic module, size."""


class ValueError(Error, builtins.ValueError):
    """A value can't cross between host and guest: cycle, depth, type or range."""


class LimitError(Error):
    """A limit was exceeded; the code says which one, the message by what."""


class StorageError(Error):
    """The database or the file system refused an operation, or a file is corrupt or not ours."""


class AbortedError(Error):
    """The object or facet was aborted, with the reason as the message."""


class ResetError(Error):
    """The object was reset and rolled back to its last committed state."""


class DeadlockError(Error):
    """Calls wait for each other in a cycle."""


class PanicError(Error):
    """A bug in Facetbox; the object involved was reset."""


# Tracebacks and pickles name them as users import them.
for _class in (Error, *Error.__subclasses__()):
    _class.__module__ = "facetbox"
