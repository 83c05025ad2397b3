#!/usr/bin/env bash
# Build the pinned Go programs that the tests use, into the cache folder; print one "name<TAB>path" line for each on stdout.
#
#   tools/build.sh [NAME...]          all of them without a name; progress goes to stderr
#   tools/build.sh --path NAME        print where NAME is or would be, build nothing
#
# A binary's name carries a hash of its sources and pins: an edited pin is a new file, never a stale one.
# Binaries on PATH are used only with FOURPLANE_TOOLS_FROM_PATH=1, since their versions are anyone's guess.
set -euo pipefail

readonly ALL=(h2spec grpcurl kubectl-validate goclient buf)
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
        goclient) echo . ;;
        *) say "unknown tool: $1 (known: ${ALL[*]})"; return 2 ;;
    esac
}

needed_go() { sed -n 's/^go \([0-9.]*\).*/\1/p' "$here/$1/go.mod"; }

target_of() {
    local hash
    hash=$(cd -- "$here/$1" && find . -maxdepth 1 -type f \( -name 'go.*' -o -name '*.go' \) | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
    printf '%s/%s-%s\n' "$bin" "$1" "$hash"
}

# Say what is missing, and how to get it, when `go` is absent or too old for this tool and may not fetch a newer one itself.
check_go() {
    local need have
    need=$(needed_go "$1")
    if ! command -v go >/dev/null; then
        say "missing: Go >= $need, needed to build $1."
        say "  get it: https://go.dev/dl, or Debian's golang-go where it is new enough (any Go >= 1.21 fetches the version it needs unless GOTOOLCHAIN=local)"
        return 1
    fi
    have=$(go env GOVERSION); have=${have#go}; have=${have%% *}
    if [ "$(go env GOTOOLCHAIN)" = local ] && [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n1)" != "$need" ]; then
        say "missing: Go >= $need, needed to build $1 (this is $have, and GOTOOLCHAIN=local keeps it from fetching a newer one)"
        return 1
    fi
}

build() {
    local name=$1 target package started log
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
        if ! (cd -- "$here/$name" && CGO_ENABLED=0 nice -n 10 go build -mod=readonly -trimpath -p "${FOURPLANE_GO_JOBS:-1}" -ldflags '-s -w' -o "$target.$$" "$package") >"$log" 2>&1; then
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
