"""Prints the sizes of the packages in a directory, and checks what a wheel has to be."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

MAX_BYTES = 12_000_000


def main(dist: Path) -> None:
    (wheel,) = dist.glob("facetbox-[0-9]*.whl")
    (source,) = dist.glob("facetbox-[0-9]*.tar.gz")
    for package in (wheel, source):
        print(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB")
        if package.stat().st_size > MAX_BYTES:
            sys.exit(f"{package.name} has more than {MAX_BYTES / 1e6:.0f} MB")
    if "-abi3-" not in wheel.name or (sys.platform == "linux" and "manylinux" not in wheel.name):
        sys.exit(f"{wheel.name} is not tagged for the stable ABI and manylinux")
    files = zipfile.ZipFile(wheel)
    notices = "facetbox/THIRD-PARTY-NOTICES.txt"
    for wanted in ("facetbox/py.typed", "facetbox/_native.pyi", "facetbox/aio/__init__.py", notices):
        if wanted not in files.namelist():
            sys.exit(f"{wheel.name} lacks {wanted}")
    for part in (b"Luau", b"QuickJS", b"SQLite", b"pyo3 0", b"rquickjs-sys 0"):
        if part not in files.read(notices):
            sys.exit(f"{notices} of {wheel.name} lacks {part.decode()}")
    if sum("/licenses/LICENSE-" in name for name in files.namelist()) != 2:
        sys.exit(f"{wheel.name} lacks its own licences")


main(Path(sys.argv[1]))
