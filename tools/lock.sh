#!/usr/bin/env bash
# Resolve the dependencies anew: one lock for development, one for running, and one for the environment of models.
#
# --universal: one file for every platform and Python; hashes and no addresses, so that any mirror may serve the files.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
compile=(.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-strip-extras --upgrade --python-version 3.11
    --custom-compile-command "make lock")

"${compile[@]}" --all-extras --group build pyproject.toml -o requirements.lock
# The same versions as in development: what is tested is what runs.
"${compile[@]}" --extra worker --extra operator --group build --constraint requirements.lock pyproject.toml -o requirements-runtime.lock
engine=worker/fourplane_worker/engine
if [ -f "$engine/models-env.in" ]; then
    "${compile[@]}" "$engine/models-env.in" -o "$engine/models-env.lock"
fi
# The fuzzers drive the same h2 as the tests.
"${compile[@]}" --group build --constraint requirements.lock fuzz/requirements.in -o fuzz/requirements.lock
