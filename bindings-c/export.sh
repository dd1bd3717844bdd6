#!/bin/sh
# Copies the libraries that cargo built to where programs link them from, the static one with every
# symbol hidden that isn't of our API: the SQLite, Luau and Rust runtime inside must neither clash
# with another copy in the program nor be taken for one.
#
#   export.sh <cargo's target directory> <destination>
set -eu
from=$1
to=$2

# Nothing to do while what cargo built is older than what we made of it.
if [ "$to/libfacetbox.a" -nt "$from/libfacetbox.a" ] && [ "$to/libfacetbox.a" -nt "$0" ]; then
    exit 0
fi
mkdir -p "$to"
if [ "$(uname)" != Linux ]; then
    # The tools below are GNU's: elsewhere the static library keeps its symbols.
    cp "$from"/libfacetbox.a "$from"/libfacetbox.*lib "$to"
    exit 0
fi
work=$(mktemp -d "$to/export.XXXXXX")
trap 'rm -rf "$work"' EXIT

# One object of all that the API reaches. Groups (of inline C++ functions) are resolved here, so that
# hiding their symbols is safe. What nothing reaches is left out, and so is the bitcode of Rust's own
# library, which tools misread once it is joined.
nm --dynamic --defined-only "$from/libfacetbox.so" | awk '$2 == "T" { print $3 }' | grep '^facetbox_' > "$work/api"
sed 's/^/-u /' "$work/api" > "$work/wanted"
ld -r --gc-sections --force-group-allocation -o "$work/all.o" "@$work/wanted" "$from/libfacetbox.a"
objcopy --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd "$work/all.o"

# Static data of templates ("u" to nm) can't be hidden, so it gets names that nobody else has.
nm "$work/all.o" > "$work/symbols"
awk '$2 == "u" { print $3, "facetbox_private_" $3 }' "$work/symbols" > "$work/unique"
objcopy --redefine-syms="$work/unique" --keep-global-symbols="$work/api" "$work/all.o" "$work/facetbox.o"
ar rcs "$work/libfacetbox.a" "$work/facetbox.o"
objcopy --strip-debug "$from/libfacetbox.so" "$work/libfacetbox.so"
mv "$work/libfacetbox.so" "$to/"
# Programs look for it by the name that it has inside.
soname=$(objdump -p "$to/libfacetbox.so" | awk '$1 == "SONAME" { print $2 }')
ln -sf libfacetbox.so "$to/$soname"
mv "$work/libfacetbox.a" "$to/"
