"""Plain data that functions take as options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from ._native import DurableObjectClass, ObjectId, Request, Response, Stub
from ._object import AioObject, DurableObject

if TYPE_CHECKING:
    from . import aio


class Limits(TypedDict, total=False):
    """Upper bounds of one guest. Keys that are absent keep their defaults."""

    cpu_ms: int
    """CPU time of one event, host functions excluded. Default 1,000."""
    wall_ms: int
    """Time of one event from delivery to answer, waits included. Default 30,000."""
    block_ms: int
    """Milliseconds that blockConcurrencyWhile() and transaction() may take. Default 30,000."""
    memory_bytes: int
    """Memory of one virtual machine. Default 64 MiB."""
    storage_bytes: int
    """Size of one database. Default 1 GiB."""
    subrequests: int
    """Calls that one event may make to the outside. Default 1,000."""
    message_bytes: int
    """Size of the arguments or the result of one call. Default 32 MiB."""
    log_bytes: int
    """Log text kept per event; what is beyond is cut. Default 256 KiB."""
    facet_depth: int
    """Levels of facets below an object, the object included. Default 16."""
    facets: int
    """Facets that one object or facet may have as children. Default 10,000."""


@dataclass(frozen=True)
class WorkerCode:
    """Guest code with all that it is given."""

    main_module: str
    """The name of the module that exports classes; its type chooses the engine."""
    modules: Mapping[str, str | dict[str, Any]]
    """The modules by name: source text, whose type the extension says (``.luau``, ``.js``), or a dict
    with one of the keys ``luau``, ``js``, ``text``, ``data`` (bytes) and ``json``."""
    env: Mapping[str, object] | None = None
    """What the code gets as ``env``: data, functions, objects, stubs, loaders. Default empty."""
    global_outbound: (
        Stub | aio.Stub | Callable[[Request], Response | Awaitable[Response]] | None
    ) = None
    """Who answers its ``fetch()``: the code has no network of its own. Default nobody."""
    limits: Limits | None = None
    """Limits, where lower than the runtime's."""
    tails: Sequence[Stub | aio.Stub | Callable[[list[dict[str, Any]]], object]] = ()
    """Who gets the tail events of the code's objects, facets and entrypoints, in the form of Cloudflare's
    trace items: stubs, whose method ``tail`` is called, and functions; at most 16. Default nobody."""


@dataclass(frozen=True)
class FacetOptions:
    """What a facet's start callback returns."""

    cls: type[DurableObject | AioObject] | DurableObjectClass
    """The class that the facet is an instance of."""
    id: ObjectId | str | None = None
    """What the facet sees as its id. Default its parent's."""
