#!/usr/bin/env bash
# Run make targets one after the other and say how long each took: tools/phases.sh MAKE [NEEDED... --] TARGET...
#
# Without the needed ones nothing else makes sense, so a failure among them ends the run, once all of them have said what is
# missing. Of the others all are run, whatever fails, so that one run tells everything that is wrong.
set -euo pipefail

readonly make=$1
shift
needed=()
case " $* " in
    *" -- "*)
        while [ "$1" != -- ]; do
            needed+=("$1")
            shift
        done
        shift
        ;;
esac
report=()
failed=()

run() {
    local phase=$1 started=$SECONDS verdict=passed
    printf '\n==> %s\n' "$phase"
    if ! "$make" --no-print-directory "$phase"; then
        verdict=FAILED
        failed+=("$phase")
    fi
    report+=("$(printf '%5d s  %-10s %s' "$((SECONDS - started))" "$phase" "$verdict")")
}

summary() {
    printf '\n==> phases\n'
    printf '%s\n' "${report[@]}"
    printf '%5d s  %s\n' "$SECONDS" "in all"
    [ ${#failed[@]} -eq 0 ] || printf '\nfailed: %s\n' "${failed[*]}"
}

for phase in "${needed[@]}"; do
    run "$phase"
done
[ ${#failed[@]} -eq 0 ] || { summary; exit 1; }
for phase in "$@"; do
    run "$phase"
done
summary
[ ${#failed[@]} -eq 0 ]
