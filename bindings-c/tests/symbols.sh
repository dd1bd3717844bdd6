#!/bin/sh
# No symbol of SQLite, Luau or Rust leaves the libraries: a program may have its own SQLite or Luau.
#
#   symbols.sh <directory of the libraries>
set -eu
lib=$1

# Names of the symbols that others can see.
shared() { nm --dynamic --defined-only "$lib/libfacetbox.so" | awk '{ print $NF }'; }
static() { nm --defined-only --extern-only "$lib/libfacetbox.a" | awk 'NF == 3 { print $3 }'; }

for kind in shared static; do
    foreign=$($kind | grep -v '^facetbox_' | head -5 || true)
    if [ -n "$foreign" ]; then
        echo "libfacetbox ($kind) exports what isn't ours:" "$foreign" >&2
        exit 1
    fi
    count=$($kind | grep -vc '^facetbox_private_')
    if [ "$count" -lt 100 ]; then
        echo "libfacetbox ($kind) exports only $count functions" >&2
        exit 1
    fi
done
echo "symbols: $(shared | wc -l) functions exported, nothing else"
