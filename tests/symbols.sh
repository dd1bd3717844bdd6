#!/usr/bin/env bash
# The Python and Node modules export the entry that their hosts look for and nothing else: a second
# SQLite or Lua in the process must neither clash with ours nor be confused by it. The C library's own
# tests check its exports.
set -euo pipefail
cd "$(dirname "$0")/.."

# check LIBRARY SYMBOL
check() {
    local exported
    exported=$(nm --dynamic --defined-only "$1" | awk '{ print $NF }')
    if [ "$exported" != "$2" ]; then
        printf '%s must export %s only, but exports:\n%s\n' "$1" "$2" "$exported" >&2
        exit 1
    fi
    printf 'symbols: %s exports %s only\n' "$1" "$2"
}

check bindings-python/python/facetbox/_native.abi3.so PyInit__native
check bindings-node/facetbox.node napi_register_module_v1
