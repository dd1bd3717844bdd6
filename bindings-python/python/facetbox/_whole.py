"""What operations on whole objects answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._native import ObjectId


@dataclass(frozen=True)
class ObjectInfo:
    """An object that has data."""

    id: ObjectId
    """Its id, which knows the name if that is known."""
    name: str | None
    """The name that the id was made from, if it was, if it has at most 1,024 bytes and if the object was
    reached by it when it wrote."""


@dataclass(frozen=True)
class Usage:
    """What an object or a facet takes, everything below it included."""

    storage_bytes: int
    """Bytes of its databases and their logs."""
    facets: int
    """Facets at all levels below it."""
    events: int
    """Events that have ended."""
    cpu_ms: int
    """CPU time of guests in milliseconds."""
    rows_read: int
    """Rows that were read: entries of the key-value store, and rows of SQL as far as SQLite counts them."""
    rows_written: int
    """Rows that were written, without entries of indexes."""
    bytes_in: int
    """Bytes of the arguments and requests of events."""
    bytes_out: int
    """Bytes of their results and responses."""
    subrequests: int
    """Calls that guests have made of what isn't theirs: host functions and objects, stubs, `fetch()`."""


@dataclass(frozen=True)
class QueryRows:
    """What an operator's query answers."""

    columns: list[str]
    """The names of the columns."""
    rows: list[list[Any]]
    """The rows, each with a value per column."""
    truncated: bool
    """Whether rows are missing because there are more than 10,000, or more than 16 MiB."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a file or directory."""

    path: Path
    """The file or directory."""
    message: str
    """What is wrong with it."""


@dataclass(frozen=True)
class Report:
    """What ``Runtime.verify`` has found."""

    objects: int
    """Objects that have data."""
    databases: int
    """Databases of objects and facets, damaged ones included."""
    leftovers: int
    """Directories of facets that are deleted, or whose creation was never committed: what a crash
    leaves. They are removed when their parent starts next."""
    problems: list[Problem]
    """What is wrong. Empty if everything is well."""
