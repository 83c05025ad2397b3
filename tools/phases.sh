#!/usr/bin/env bash
# Run make targets one after the other and say how long each took: tools/phases.sh MAKE TARGET...
set -euo pipefail

readonly make=$1
shift
report=()
for phase in "$@"; do
    printf '\n==> %s\n' "$phase"
    started=$SECONDS
    if ! "$make" --no-print-directory "$phase"; then
        printf '\n==> %s failed after %d s\n' "$phase" "$((SECONDS - started))"
        exit 1
    fi
    report+=("$(printf '%5d s  %s' "$((SECONDS - started))" "$phase")")
done
printf '\n==> all passed\n'
printf '%s\n' "${report[@]}"
