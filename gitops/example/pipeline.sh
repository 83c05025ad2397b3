#!/bin/sh
# What a pipeline does with a change, before anyone applies it:
#   pipeline.sh LIVE CHANGED      two checkouts' overlays, for example main/overlays/production change/overlays/production
#
# Ends with 1 where the change can't be served as written. Else changes.txt says what changes and for whom; it is empty
# where nothing does.
set -eu

live=${1:?the overlay that is applied now} changed=${2:?the overlay with the change}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/live" "$work/changed"
kubectl kustomize "$live" >"$work/live/resources.yaml"
kubectl kustomize "$changed" >"$work/changed/resources.yaml"

here=$PWD
cd "$work" # messages name changed/resources.yaml
fourplane validate changed
: >"$here/changes.txt"
if ! fourplane diff --exit-code live changed >changes 2>/dev/null; then
    fourplane diff live changed >changes # without --exit-code only a failure is one
    cp changes "$here/changes.txt"
fi
cat changes
