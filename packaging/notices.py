"""Writes the licences of everything that a binary package contains: most of them ask for that.

    notices.py <package of the workspace> <file>

The texts are those that came with the sources that the package is built from. A licence that isn't among
those below is an error, so that nobody ships what they haven't agreed to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What may be linked, the preferred first: where there is a choice, its first is taken.
ACCEPTED = ["MIT", "Apache-2.0", "Zlib", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unicode-3.0", "BlueOak-1.0.0"]

# Crates that are needed for building only, but whose sources end up in the package.
SOURCES = {"luau0-src"}

# Texts below a crate's own directory, for what it contains of others.
NESTED = {"rquickjs-sys": ["quickjs/LICENSE"]}

# What the crates' own files don't say.
REMARKS = """\
Luau (in luau0-src): Copyright (c) 2019-2023 Roblox Corporation, Copyright (c) 1994-2019 Lua.org, PUC-Rio; MIT, see below.
QuickJS (in rquickjs-sys): MIT, see below.
SQLite (in libsqlite3-sys) is in the public domain.
The standard library of Rust: Copyright (c) The Rust Project Contributors; MIT or Apache-2.0.
"""

Crate = dict  # As `cargo metadata` describes it.


def metadata() -> dict:
    version = subprocess.run(["rustc", "-vV"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    host = next(line.split()[1] for line in version.splitlines() if line.startswith("host:"))
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", host]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def linked(package: str, graph: dict) -> list[Crate]:
    """The crates of others that are linked into a package of the workspace, by name."""
    crates = {crate["id"]: crate for crate in graph["packages"]}
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    todo = [crate["id"] for crate in graph["packages"] if crate["name"] == package and crate["source"] is None]
    if not todo:
        sys.exit(f"{package}: no such package in the workspace")
    found: set[str] = set()
    while todo:
        found.add(todo[-1])
        for needed in nodes[todo.pop()]["deps"]:
            crate = crates[needed["pkg"]]
            runs_here = any(kind["kind"] is None for kind in needed["dep_kinds"])
            is_macro = any("proc-macro" in target["kind"] for target in crate["targets"])
            if (runs_here and not is_macro or crate["name"] in SOURCES) and crate["id"] not in found:
                todo.append(crate["id"])
    return sorted((crates[i] for i in found if crates[i]["source"]), key=lambda crate: crate["name"])


def licence(crate: Crate) -> str:
    """The licence that we take it under."""
    choices = (crate["license"] or "").replace("/", " OR ").split(" OR ")
    for accepted in ACCEPTED:
        if accepted in choices:
            return accepted
    sys.exit(f"{crate['name']} {crate['version']}: its licence {crate['license']!r} is none of {', '.join(ACCEPTED)}")


def texts(crate: Crate) -> list[str]:
    """The texts that come with a crate, without those of licences that we don't take it under."""
    home = Path(crate["manifest_path"]).parent
    files = [path for path in sorted(home.iterdir()) if path.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE"))]
    mine = licence(crate).split("-")[0].upper()
    if any(mine in path.name.upper() for path in files):
        files = [path for path in files if mine in path.name.upper() or "THIRD" in path.name or "NOTICE" in path.name]
    files += [home / nested for nested in NESTED.get(crate["name"], [])]
    return [path.read_text(encoding="utf-8").strip() for path in files]


def unwritten(crate: Crate) -> str:
    """What stands for the text where a crate comes without one."""
    return f"Copyright (c) {', '.join(crate['authors']) or 'its authors'}: {licence(crate)}, whose text is with others here."


def main(package: str, out: Path) -> None:
    crates = linked(package, metadata())
    # Crates without a text of their own are parts of a repository whose other crates have it.
    of_repository = {crate["repository"]: texts(crate) for crate in reversed(crates) if texts(crate)}
    users: dict[str, list[str]] = {}
    for crate in crates:
        for text in texts(crate) or of_repository.get(crate["repository"]) or [unwritten(crate)]:
            users.setdefault(text, []).append(f"{crate['name']} {crate['version']} ({licence(crate)})")
    parts = ["What this package contains of others, and their licences.\n\n" + REMARKS]
    parts += [", ".join(names) + "\n\n" + text + "\n" for text, names in users.items()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(("\n" + "-" * 79 + "\n\n").join(parts), encoding="utf-8")


main(sys.argv[1], Path(sys.argv[2]))
