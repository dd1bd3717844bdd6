#!/bin/sh
# Prints a PATH that has everything that this one has but Rust: a directory of links, which it makes.
#
#   without_rust.sh <directory>
set -eu
mkdir -p "$1"
echo "$PATH" | tr ':' '\n' | while read -r dir; do
    # The first directory that has a name wins.
    ln -s "$dir"/* "$1" 2> /dev/null || true
done
rm -f "$1"/cargo* "$1"/rust* "$1"/clippy-driver "$1"/maturin
echo "$1"
