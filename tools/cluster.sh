#!/usr/bin/env bash
# Find or build the programs of a Kubernetes control plane; print one "name<TAB>path" line for each on stdout.
#
#   tools/cluster.sh [NAME...]        all of them without a name; what is found nowhere is built, which takes minutes
#   tools/cluster.sh --find [NAME...] print where each is or would be, build nothing
#
# Each is looked for in $KUBEBUILDER_ASSETS (where `setup-envtest` puts them), then in the cache; the pins are in tools/cluster/.
set -euo pipefail

readonly ALL=(etcd kube-apiserver kubectl kube-controller-manager kube-scheduler)
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
find_only=
if [ "${1:-}" = --find ]; then
    find_only=1
    shift
fi
names=("$@")
[ $# -gt 0 ] || names=("${ALL[@]}")
to_build=()
for name in "${names[@]}"; do
    asset="${KUBEBUILDER_ASSETS:-}/$name"
    if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$asset" ]; then
        printf '%s\t%s\n' "$name" "$asset"
    elif [ -n "$find_only" ]; then
        printf '%s\t%s\n' "$name" "$("$here/build.sh" --path "$name")"
    else
        to_build+=("$name")
    fi
done
[ ${#to_build[@]} -gt 0 ] || exit 0

missing=0
for name in "${to_build[@]}"; do
    [ -x "$("$here/build.sh" --path "$name")" ] || missing=$((missing + 1))
done
if [ "$missing" -gt 0 ]; then
    printf 'cluster tools: building %s of %s; from nothing, all of them take about ten minutes and 3 GB of memory\n' \
        "$missing" "${#names[@]}" >&2
fi
started=$SECONDS
"$here/build.sh" "${to_build[@]}"
[ "$missing" = 0 ] || printf 'cluster tools: ready after %s s\n' "$((SECONDS - started))" >&2
