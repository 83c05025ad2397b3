#!/usr/bin/env bash
# What is done with protos/: tools/protos.sh lint | generate | check
#
#   generate   write Python beside each .proto (the stubs import by proto path, so no other place works)
#   check      fail when `generate` would change something
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# Generated files of .proto files that are gone must go too, so both verbs start from none.
generated() { find "$1/fourplane" "$1/inference" -name '*_pb2*.py*' -not -path '*__pycache__*' -type f 2>/dev/null || true; }

generate_into() {
    local sources
    mapfile -t sources < <(cd protos && find fourplane inference -name '*.proto' 2>/dev/null | LC_ALL=C sort)
    [ ${#sources[@]} -gt 0 ] || { echo "no .proto files below protos/" >&2; return 1; }
    PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -W ignore -m grpc_tools.protoc -I protos \
        --python_out="$1" --mypy_out=quiet:"$1" --grpc_python_out="$1" --mypy_grpc_out=quiet:"$1" \
        "${sources[@]/#/protos/}"
    # protoc-gen-grpc_python writes a file for every .proto; without a service it only checks grpcio's version.
    local grpc
    while IFS= read -r grpc; do
        grep -q '^class ' "$grpc" || rm -f -- "$grpc" "${grpc}i"
    done < <(find "$1/fourplane" "$1/inference" -name '*_pb2_grpc.py' -not -path '*__pycache__*' -type f 2>/dev/null)
}

case ${1:-} in
    lint)
        buf=$(tools/build.sh buf | cut -f2)
        "$buf" lint protos
        "$buf" format --diff --exit-code protos
        ;;
    generate)
        generated protos | while IFS= read -r file; do rm -f -- "$file"; done
        generate_into protos
        ;;
    check)
        fresh=$(mktemp -d)
        trap 'rm -rf -- "$fresh"' EXIT
        generate_into "$fresh"
        if ! diff -u <(cd "$fresh" && generated . | LC_ALL=C sort | xargs sha256sum) <(cd protos && generated . | LC_ALL=C sort | xargs sha256sum); then
            echo "generated code is not what protos/ says: run make protos" >&2
            exit 1
        fi
        ;;
    *)
        echo "usage: tools/protos.sh lint | generate | check" >&2
        exit 2
        ;;
esac
