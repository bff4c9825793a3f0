#!/bin/sh
# Pins every dependency with its hashes, for all platforms, and names no index address.
# Run from the project's root with `uv` on the PATH, after changing pyproject.toml.
set -eu
flags="--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade --all-extras"
uv pip compile $flags pyproject.toml requirements/build.in -o requirements/runtime.txt
uv pip compile $flags --group dev pyproject.toml requirements/build.in -o requirements/dev.txt
