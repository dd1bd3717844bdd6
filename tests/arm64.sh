#!/usr/bin/env bash
# Builds the core for Linux on arm64 and runs the conformance vectors in an emulator. Takes what Debian calls
# gcc-aarch64-linux-gnu, g++-aarch64-linux-gnu and qemu-user-static with binfmt-support, and the Rust target. Vectors whose
# guests need more than their limit of wall time in an emulator fail with LIMIT_WALL.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-gnu
for tool in aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ qemu-aarch64-static; do
    command -v "$tool" > /dev/null || { echo "arm64: $tool is missing" >&2; exit 1; }
done
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
cargo build --release --target "$target" --package facetbox-tests --bin conformance
for guest in luau js; do
    "${CARGO_TARGET_DIR:-target}/$target/release/conformance" --host rust --guest "$guest" "${1:-tests/conformance}"
done
