"""The package itself: what it exports, its documentation, and its native library."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import facetbox
import pytest
from facetbox import _native, aio

PACKAGE = Path(facetbox.__file__).parent


def stubs() -> Iterator[tuple[str, str | None, object]]:
    """Each class and method of the type stubs: its name, its documentation, and the real one."""
    tree = ast.parse((PACKAGE / "_native.pyi").read_text())
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        real = getattr(_native, cls.name)
        yield cls.name, ast.get_docstring(cls), real
        for function in (node for node in cls.body if isinstance(node, ast.FunctionDef)):
            if not function.name.startswith("_"):
                name = f"{cls.name}.{function.name}"
                yield name, ast.get_docstring(function), getattr(real, function.name)


@pytest.mark.parametrize(("name", "written", "real"), list(stubs()), ids=str)
def test_the_type_stubs_say_what_help_says(name: str, written: str | None, real: object) -> None:
    assert written is not None
    assert written == inspect.getdoc(real)


def test_everything_is_exported_and_documented() -> None:
    for name in facetbox.__all__:
        assert hasattr(facetbox, name)
        assert name == "__version__" or inspect.getdoc(getattr(facetbox, name))
    classes = {name: value for name, value in vars(_native).items() if inspect.isclass(value)}
    # What says that it is of the native half is for the package's own use.
    public = {name for name, value in classes.items() if value.__module__ == "facetbox"}
    assert public and public <= set(facetbox.__all__)
    for name in aio.__all__:
        assert inspect.getdoc(getattr(aio, name))
    assert (PACKAGE / "py.typed").exists()


def test_the_version_is_the_crates() -> None:
    manifest = (Path(__file__).parents[2] / "Cargo.toml").read_text()
    found = re.search(r'^version = "(.*)"$', manifest, re.MULTILINE)
    assert found and facetbox.__version__ == found[1]


def test_the_library_exports_nothing_but_its_module() -> None:
    assert _native.__file__ is not None
    command = ["nm", "--dynamic", "--defined-only", "--extern-only", _native.__file__]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line.split()[-1] for line in listing.splitlines()] == ["PyInit__native"]


def test_the_examples_in_the_documentation_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert facetbox.__doc__ is not None
    assert aio.__doc__ is not None
    for text in (facetbox.__doc__, aio.__doc__.split("\nCalls and operations")[0]):
        example = inspect.cleandoc(text.split("::\n", 1)[1])
        exec(example.replace('"./data"', repr(str(tmp_path / "data"))), {})
        assert capsys.readouterr().out == "Hello world!\n"
