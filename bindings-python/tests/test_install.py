"""The wheel, in an empty environment without Rust, runs the example; so does the source package's directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "python" / "platform.py"

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program elsewhere than in the source, so that nothing is found there by chance."""

    def run(*command: str | Path, path: str = os.environ["PATH"]) -> str:
        env = {**os.environ, "PATH": path}
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def python(tmp_path: Path, run: Run) -> Path:
    """The interpreter of an empty environment."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    return tmp_path / "venv" / "bin" / "python"


def runs_the_example(run: Run, python: Path, tmp_path: Path, path: str) -> None:
    where = run(python, "-c", "import facetbox.aio; print(facetbox.__file__)", path=path)
    assert Path(where.strip()).is_relative_to(tmp_path)
    run(python, EXAMPLE, tmp_path / "data", "first", path=path)
    result = run(python, EXAMPLE, tmp_path / "data", "second", path=path).splitlines()[-1]
    assert result == "RESULT host=Python requests=4 hidden=yes closed=yes"


def test_the_wheel_installs_and_runs_without_rust(run: Run, python: Path, tmp_path: Path) -> None:
    print(run("make", "-C", ROOT / "bindings-python", "dist", f"DIST={tmp_path / 'dist'}"))
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    nothing = str(tmp_path / "no-such-directory")
    install = ("-m", "pip", "install", "--quiet", "--no-index", "--only-binary=:all:", wheel)
    run(python, *install, path=nothing)
    runs_the_example(run, python, tmp_path, nothing)


def test_the_source_installs_and_runs(run: Run, python: Path, tmp_path: Path) -> None:
    run(python, "-m", "pip", "install", "--quiet", ROOT / "bindings-python")
    runs_the_example(run, python, tmp_path, os.environ["PATH"])
