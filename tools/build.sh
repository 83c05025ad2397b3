#!/usr/bin/env bash
# Build the pinned Go programs that the tests use, into the cache folder; print one "name<TAB>path" line for each on stdout.
#
#   tools/build.sh [NAME...]          without a name, those of `make tools`; progress goes to stderr
#   tools/build.sh --path NAME        print where NAME is or would be, build nothing
#
# A binary's name carries a hash of its sources and pins: an edited pin is a new file, never a stale one.
# Binaries on PATH are used only with FOURPLANE_TOOLS_FROM_PATH=1, since their versions are anyone's guess.
set -euo pipefail

readonly ALL=(h2spec grpcurl kubectl-validate goclient health buf)
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/fourplane"
bin="$cache/bin"

say() { printf '%s\n' "$*" >&2; }

package_of() {
    case $1 in
        h2spec) echo github.com/summerwind/h2spec/cmd/h2spec ;;
        grpcurl) echo github.com/fullstorydev/grpcurl/cmd/grpcurl ;;
        kubectl-validate) echo sigs.k8s.io/kubectl-validate ;;
        buf) echo github.com/bufbuild/buf/cmd/buf ;;
        goclient | health) echo . ;;
        etcd) echo go.etcd.io/etcd/server/v3 ;;
        kube-apiserver | kube-controller-manager | kube-scheduler | kubectl | kubelet | kube-proxy) echo "k8s.io/kubernetes/cmd/$1" ;;
        containerd | containerd-shim-runc-v2 | ctr) echo "github.com/containerd/containerd/v2/cmd/$1" ;;
        helm) echo helm.sh/helm/v4/cmd/helm ;;
        pause) echo . ;;
        *) say "unknown tool: $1 (known: ${ALL[*]}, and those of tools/cluster.sh and tools/node.sh)"; return 2 ;;
    esac
}

# The folder of the Go module that pins it.
module_of() {
    case $1 in
        etcd) echo "$here/cluster/etcd" ;;
        kube-apiserver | kube-controller-manager | kube-scheduler | kubectl) echo "$here/cluster/kubernetes" ;;
        kubelet | kube-proxy) echo "$here/node/kubernetes" ;;
        containerd | containerd-shim-runc-v2 | ctr) echo "$here/node/containerd" ;;
        helm | pause) echo "$here/node/$1" ;;
        *) echo "$here/$1" ;;
    esac
}

# The version, without its v, at which the tool's module pins another one.
pinned() { awk -v module="$2" '{ for (i = 1; i < NF; i++) if ($i == module) { sub(/^v/, "", $(i + 1)); print $(i + 1) } }' "$(module_of "$1")/go.mod"; }

# Kubernetes calls itself v0.0.0 unless the linker says otherwise, and others do alike.
linker_flags_of() {
    local version minor
    printf -- '-s -w'
    case $(package_of "$1") in
        github.com/containerd/*)
            printf -- ' -X github.com/containerd/containerd/v2/version.Version=%s' "$(pinned "$1" github.com/containerd/containerd/v2)"
            ;;
        helm.sh/*) printf -- ' -X helm.sh/helm/v4/internal/version.version=v%s' "$(pinned "$1" helm.sh/helm/v4)" ;;
        k8s.io/kubernetes/*)
            version=$(pinned "$1" k8s.io/kubernetes)
            minor=${version#*.}
            printf -- ' -X k8s.io/component-base/version.git%s' "Version=v$version" "Major=${version%%.*}" "Minor=${minor%%.*}"
            ;;
    esac
}

# containerd's btrfs snapshotter needs cgo and its headers.
tags_of() { case $1 in containerd*) echo no_btrfs ;; esac; }

needed_go() { sed -n 's/^go \([0-9.]*\).*/\1/p' "$(module_of "$1")/go.mod"; }

target_of() {
    local hash
    hash=$(cd -- "$(module_of "$1")" && find . -maxdepth 1 -type f \( -name 'go.*' -o -name '*.go' \) | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
    printf '%s/%s-%s\n' "$bin" "$1" "$hash"
}

# Say what is missing, and how to get it, when `go` is absent or too old for this tool and may not fetch a newer one itself.
check_go() {
    local need have
    need=$(needed_go "$1")
    if ! command -v go >/dev/null; then
        say "missing: Go >= $need, needed to build $1."
        [ -n "${hinted:-}" ] || say "  get it: https://go.dev/dl, or Debian's golang-go where it is new enough (any Go >= 1.21 fetches the version it needs unless GOTOOLCHAIN=local)"
        hinted=1
        return 1
    fi
    have=$(go env GOVERSION); have=${have#go}; have=${have%% *}
    if [ "$(go env GOTOOLCHAIN)" = local ] && [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n1)" != "$need" ]; then
        say "missing: Go >= $need, needed to build $1 (this is $have, and GOTOOLCHAIN=local keeps it from fetching a newer one)"
        return 1
    fi
}

# Say now and then how far a long build is; `go build -v` logs each package that it compiles.
watch_build() {
    local name=$1 log=$2 started=$SECONDS told=$SECONDS
    while sleep 1 && kill -0 "$$" 2>/dev/null; do
        [ $((SECONDS - told)) -ge 30 ] || continue
        told=$SECONDS
        say "$name: $((SECONDS - started)) s, $(grep -c -v '^go: ' "$log") packages compiled"
    done
}

build() {
    local name=$1 target package started log watcher built=0
    if [ "${FOURPLANE_TOOLS_FROM_PATH:-}" = 1 ] && command -v "$name" >/dev/null; then
        say "$name: from PATH"
        printf '%s\t%s\n' "$name" "$(command -v "$name")"
        return
    fi
    target=$(target_of "$name")
    if [ ! -x "$target" ]; then
        package=$(package_of "$name")
        check_go "$name" || return 1 # `set -e` is off inside a function that is called in a condition
        mkdir -p "$bin"
        log="$target.log"
        say "$name: building (log: $log)"
        started=$SECONDS
        # One package at a time and nice: the builds stand back behind whatever else this machine does.
        : >"$log"
        watch_build "$name" "$log" >/dev/null &
        watcher=$!
        (cd -- "$(module_of "$name")" && CGO_ENABLED=0 nice -n 10 go build -v -mod=readonly -trimpath -p "${FOURPLANE_GO_JOBS:-1}" \
            -tags "$(tags_of "$name")" -ldflags "$(linker_flags_of "$name")" -o "$target.$$" "$package") >"$log" 2>&1 || built=$?
        kill "$watcher" 2>/dev/null || true
        wait "$watcher" 2>/dev/null || true # else bash tells of its end
        if [ "$built" != 0 ]; then
            say "$name: the build failed:"
            tail -n 20 "$log" >&2
            rm -f -- "$target.$$"
            return 1
        fi
        mv -f -- "$target.$$" "$target"
        say "$name: built in $((SECONDS - started)) s"
    fi
    ln -sfn -- "$target" "$bin/$name"
    printf '%s\t%s\n' "$name" "$target"
}

if [ "${1:-}" = --path ]; then
    package_of "${2:?a tool name}" >/dev/null
    target_of "$2"
    exit
fi
names=("$@")
[ $# -gt 0 ] || names=("${ALL[@]}")
failed=0
for name in "${names[@]}"; do
    package_of "$name" >/dev/null
    build "$name" || failed=1
done
exit "$failed"
