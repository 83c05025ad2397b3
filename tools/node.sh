#!/usr/bin/env bash
# Find or build what a node adds to a control plane, and helm; print one "name<TAB>path" line for each on stdout.
#
#   tools/node.sh [NAME...]           all of them without a name; what is found nowhere is built, which takes minutes
#   tools/node.sh --find [NAME...]    print where each is or would be, build nothing
#
# The pins are in tools/node/. runc and the CNI plugins are Debian's (`make node-tools`).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
find_only=()
if [ "${1:-}" = --find ]; then
    find_only=(--find)
    shift
fi
names=("$@")
[ $# -gt 0 ] || names=(helm pause containerd containerd-shim-runc-v2 ctr kubelet kube-proxy)
exec "$here/cluster.sh" "${find_only[@]}" "${names[@]}"
