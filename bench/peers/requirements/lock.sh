#!/bin/sh
# Pins the Python peers with their hashes, each in an environment of its own, and names no index address.
# Run in this folder with `uv` on the PATH, after changing a *.in file.
set -eu
flags="--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade"
for peer in *.in; do
    uv pip compile $flags "$peer" -o "${peer%.in}.txt"
done
