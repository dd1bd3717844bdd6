"""Prints the sizes of the packages in a directory, and checks what a wheel has to be."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

MAX_BYTES = 12_000_000


def main(dist: Path) -> None:
    (wheel,) = dist.glob("facetbox-*.whl")
    (source,) = dist.glob("facetbox-*.tar.gz")
    for package in (wheel, source):
        print(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB")
        if package.stat().st_size > MAX_BYTES:
            sys.exit(f"{package.name} has more than {MAX_BYTES / 1e6:.0f} MB")
    if "-abi3-" not in wheel.name or (sys.platform == "linux" and "manylinux" not in wheel.name):
        sys.exit(f"{wheel.name} is not tagged for the stable ABI and manylinux")
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("facetbox/py.typed", "facetbox/_native.pyi", "facetbox/aio/__init__.py"):
        if wanted not in names:
            sys.exit(f"{wheel.name} lacks {wanted}")


main(Path(sys.argv[1]))
