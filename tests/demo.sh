#!/usr/bin/env bash
# Runs the same small platform from every host language, each in two processes on one data directory,
# and ends with a table. Fails if a host fails; a host whose toolchain is missing is named and skipped.
set -uo pipefail
cd "$(dirname "$0")/.."

data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
table=()
failed=0

row() {
    table+=("$(printf '%-8s %-24s %-24s %-16s %-18s %s' "$@")")
}

# demo HOST "TOOLS IT NEEDS" MAKE-ARGUMENTS...
demo() {
    local host=$1 tools=$2 tool log=$data/log result
    shift 2
    for tool in $tools; do
        if ! command -v "$tool" >/dev/null; then
            row "$host" - - - - "skipped: no $tool"
            return
        fi
    done
    printf '\n== %s\n' "$host"
    if make --no-print-directory "$@" DATA="$data/$host" 2>&1 | tee "$log"; then
        result=ok
    else
        result=FAILED
    fi
    local line requests hidden closed visits
    line=$(grep '^RESULT ' "$log") || result=FAILED
    requests=$(field requests "$line")
    hidden=$(field hidden "$line")
    closed=$(field closed "$line")
    visits=$(field visits "$(grep '^PROJECT ' "$log" | tail -n 1)")
    [ "$requests $hidden $closed $visits" = "4 yes yes 4" ] || result=FAILED
    [ "$result" = ok ] || failed=1
    row "$host" "$requests" "$hidden" "$closed" "$visits" "$result"
}

field() {
    local value
    value=$(sed -n "s/.* $1=\([^ ]*\).*/\1/p" <<<"$2")
    echo "${value:--}"
}

row host "requests after restart" "supervisor data hidden" "network closed" "worker.js deployed" ok
demo Rust cargo demo-rust
demo C "cargo cc" -C bindings-c demo-c
demo C++ "cargo c++" -C bindings-c demo-cpp
demo Go "cargo go" -C bindings-c demo-go
demo Python "cargo python3" -C bindings-python demo
demo Node "cargo node npm" -C bindings-node demo

printf '\n'
printf '%s\n' "${table[@]}"
exit "$failed"
