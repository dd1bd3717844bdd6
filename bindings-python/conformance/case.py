"""Cases, and what the steps of one have to come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facetbox import Error, Response, WorkerCode

from .values import argument, expected, matches

SLOWNESS = 4
"""Times of vectors are those of a machine without other load."""


@dataclass(frozen=True)
class Case:
    """One case in one guest language."""

    json: dict[str, Any]
    guest: str

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.json["name"])

    @property
    def namespace(self) -> str:
        """The name of the namespace that it runs in."""
        return str(self.json.get("namespace", "conformance"))

    @property
    def is_supervisor(self) -> bool:
        """Whether the class is the namespace's own."""
        return bool(self.json.get("supervisor", False))

    @property
    def props(self) -> Any:
        """The class's props."""
        return argument(self.json.get("props"))

    def code(self, extra_env: dict[str, object]) -> WorkerCode:
        """Its guest code."""
        main = f"main.{self.guest}"
        modules = {name: argument(module) for name, module in self.json.get("modules", {}).items()}
        return WorkerCode(
            main,
            {**modules, main: self.json[self.guest]},
            env={**argument(self.json.get("env") or {}), **extra_env},
            limits=argument(self.json.get("limits")),
        )


def meets(step: dict[str, Any], outcome: object) -> bool:
    """Whether a step has ended as it should: with a value, a Response or an exception."""
    if isinstance(outcome, BaseException):
        wanted = [step[key] for key in ("throws", "or_throws") if key in step]
        return any(_error_meets(throws, outcome) for throws in wanted)
    if "throws" in step:
        return False
    if "returns" in step:
        return matches(expected(step["returns"]), outcome)
    if "returns_any" in step:
        return any(matches(expected(any_of), outcome) for any_of in step["returns_any"])
    if "response" in step:
        return isinstance(outcome, Response) and _response_meets(step["response"], outcome)
    return True


def _error_meets(throws: dict[str, Any], error: BaseException) -> bool:
    if not isinstance(error, Error) or error.code == "PANIC":
        return False
    return (
        throws.get("code", error.code) == error.code
        and error.code in throws.get("code_any", [error.code])
        and throws.get("name", error.name) == error.name
        and throws.get("message", error.message) == error.message
        and throws.get("message_contains", "") in error.message
    )


def _response_meets(wanted: dict[str, Any], response: Response) -> bool:
    headers = wanted.get("headers", {}).items()
    return (
        wanted.get("status", response.status) == response.status
        and wanted.get("body", response.text()) == response.text()
        and all(response.headers.get(name) == value for name, value in headers)
    )
