#!/usr/bin/env bash
# Make sure that Debian packages are there: tools/debian.sh PACKAGE...
#
# As root on Debian they are installed, with no service started; elsewhere they are named and the answer is a failure.
# A package counts as there when its program is on PATH, wherever it came from.
set -euo pipefail

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

program_of() {
    case $1 in
        nghttp2-client) echo h2load ;;
        containernetworking-plugins) echo /usr/lib/cni/host-local ;; # kubelet's kind of plugins are on no PATH
        *) echo "$1" ;;
    esac
}

missing=()
for package in "$@"; do
    command -v "$(program_of "$package")" >/dev/null || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    for package in "${missing[@]}"; do
        printf 'missing: the program %s; Debian and Ubuntu: sudo apt-get install %s\n' "$(program_of "$package")" "$package" >&2
    done
    exit 1
fi

printf 'installing %s\n' "${missing[*]}" >&2
readonly policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f -- "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" # Debian's own way to say: start no service now
    chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -qq --no-install-recommends "${missing[@]}")
log=$(mktemp)
# The lists may be absent or old: fetch them only when the installation fails without.
if ! "${install[@]}" >"$log" 2>&1; then
    apt-get update -qq >>"$log" 2>&1 || true
    "${install[@]}" >>"$log" 2>&1 || { cat -- "$log" >&2; rm -f -- "$log"; exit 1; }
fi
rm -f -- "$log"
