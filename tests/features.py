#!/usr/bin/env python3
"""Fails if core's dependencies get other features in one build of this repository than in another.

Cargo would then compile core, which takes minutes, once more for each. What is missing belongs into packaging/features/Cargo.toml.
"""

import subprocess
import sys

CORE = ["--package", "facetbox", "--features", "quickjs"]
BUILDS = {
    "cargo test": ["--edges", "normal,build,dev"],
    "core's tests": [*CORE, "--edges", "normal,build,dev"],
    **{
        name: ["--package", name, "--edges", "normal,build"]
        for name in ("facetbox-benches", "facetbox-c", "facetbox-node", "facetbox-python", "facetbox-tests", "platform")
    },
}


def features(arguments: list[str]) -> dict[str, set[str]]:
    """Each crate of a build by name and version, and the features it has: several, if the host's tools need others."""
    tree = ["cargo", "tree", "--locked", "--prefix", "none", "--format", "{p}|{f}", *arguments]
    crates: dict[str, set[str]] = {}
    for line in subprocess.run(tree, check=True, capture_output=True, text=True).stdout.splitlines():
        crate, _, having = line.removesuffix(" (*)").partition("|")
        crates.setdefault(crate, set()).add(having.removesuffix(" (*)"))
    return crates


def main() -> int:
    of_core = features([*CORE, "--edges", "normal,build"]).keys()
    builds = {name: features(arguments) for name, arguments in BUILDS.items()}
    different = 0
    for crate in sorted(of_core):
        seen = {name: crates[crate] for name, crates in builds.items() if crate in crates}
        if any(having != seen["cargo test"] for having in seen.values()):
            different += 1
            print(f"features of {crate}:")
            for name, having in seen.items():
                print(f"  {name}: {' / '.join(sorted(having)) or 'none'}")
    print(f"features: {len(of_core)} crates of core in {len(builds)} builds, {different} with different features")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
