#!/usr/bin/env bash
# Checks that the toolchains are there, and installs by name what the tests need beside them.
set -euo pipefail

missing=()
for tool in cargo cc c++ python3 node npm go nm; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if command -v python3 >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=("python3's venv")
fi
if command -v python3 >/dev/null && ! python3 -c 'import tomllib' 2>/dev/null; then
    missing+=("python3 of version 3.11 or later, this is $(python3 --version)")
fi
if [ ${#missing[@]} -gt 0 ]; then
    printf 'missing: %s\n' "${missing[@]}" >&2
    exit 1
fi

packages=()
for tool in valgrind cmake pkg-config; do
    command -v "$tool" >/dev/null || packages+=("$tool")
done
if [ ${#packages[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -qq -y "${packages[@]}"
fi
