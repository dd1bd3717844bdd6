"""`pip install` of the source in a clean environment gives a package that runs the example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_clean_environment_installs_and_runs_the_example(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"

    def run(*command: str | Path) -> str:
        # Elsewhere than in the source, so that nothing is found there by chance.
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", ROOT / "bindings-python")
    where = run(python, "-c", "import facetbox; print(facetbox.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path)
    example = ROOT / "examples" / "python" / "platform.py"
    run(python, example, tmp_path / "data", "first")
    result = run(python, example, tmp_path / "data", "second").splitlines()[-1]
    assert result == "RESULT host=Python requests=4 hidden=yes closed=yes"
