#!/usr/bin/env bash
# Run a command where there is a cluster, or where a node can be built without touching the machine: tools/e2e.sh COMMAND...
#
#   E2E_KUBECONFIG=FILE   the cluster is there already: the command runs as it is
#   E2E_KIND=1            a cluster of kind's is made for the command, with our images in it, and removed afterwards
#   else, as root         the command gets namespaces of its own: network, mounts and processes that are gone when it ends,
#                         however it ends. Control groups are the machine's: e2e/node.py makes its own, this removes them.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

in_kind() {
    local name="fourplane-e2e-$$" archive
    E2E_KUBECONFIG=$(mktemp)
    export E2E_KUBECONFIG
    # shellcheck disable=SC2064 # the name is what it is now
    trap "kind delete cluster --name '$name'; rm -f -- '$E2E_KUBECONFIG'" EXIT
    kind create cluster --name "$name" --kubeconfig "$E2E_KUBECONFIG" --wait 180s
    while IFS=$'\t' read -r _ archive; do
        kind load image-archive --name "$name" "$archive"
    done < <(.venv/bin/python images/assemble.py)
    "$@"
}

remove_groups() {
    local left
    for _ in 1 2 3 4 5 6 7 8 9 10; do # the kernel is not done with a process when it is gone
        find /sys/fs/cgroup -depth -type d -path "*/$groups*" -exec rmdir {} + 2>/dev/null || true
        left=$(find /sys/fs/cgroup -maxdepth 2 -type d -name "$groups")
        [ -n "$left" ] || return 0
        sleep 0.5
    done
    printf 'left behind: %s\n' "$left" >&2
}

if [ -n "${E2E_KUBECONFIG:-}" ]; then
    exec "$@"
fi
if [ -n "${E2E_KIND:-}" ]; then
    in_kind "$@"
    exit
fi
if [ "$(id -u)" != 0 ] || ! command -v unshare >/dev/null || [ "$(uname -s)" != Linux ]; then
    printf 'a node is built on Linux, as root. Or name a cluster: E2E_KUBECONFIG=FILE make e2e. Or with Docker and kind: E2E_KIND=1 make e2e\n' >&2
    exit 1
fi
groups="fourplane-e2e-$$"
trap remove_groups EXIT
E2E_CGROUP="/$groups" unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- "$@"
