#!/bin/sh
# Prints the size of an artefact, which must not have more than 12 MB.
#
#   size.sh <file>
set -eu
size=$(wc -c < "$1")
echo "$(basename "$1"): $size bytes"
if [ "$size" -gt 12000000 ]; then
    echo "$(basename "$1") has more than 12 MB" >&2
    exit 1
fi
