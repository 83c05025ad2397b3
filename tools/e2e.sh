#!/usr/bin/env bash
# Run a command where a node can be built without touching the machine: tools/e2e.sh COMMAND...
#
# With E2E_KUBECONFIG the cluster is there already, and the command runs as it is. Else it gets namespaces of its own, as
# root: network, mounts and processes that are gone when it ends, however it ends. Control groups are the machine's:
# e2e/node.py makes its own below, and this script removes them.
set -euo pipefail

if [ -n "${E2E_KUBECONFIG:-}" ]; then
    exec "$@"
fi
if [ "$(id -u)" != 0 ] || ! command -v unshare >/dev/null || [ "$(uname -s)" != Linux ]; then
    printf 'a node is built on Linux, as root; else name a cluster: E2E_KUBECONFIG=FILE make e2e\n' >&2
    exit 1
fi

groups="fourplane-e2e-$$"
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
trap remove_groups EXIT
E2E_CGROUP="/$groups" unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- "$@"
