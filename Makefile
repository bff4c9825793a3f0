# Everything a newcomer needs: `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo up examples test check fmt bench torture openapi clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Clarion needs Python 3.11 or newer: set PYTHON=…"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)  # anew, too, where making it was broken off
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## run the main job: one call, 10,001 people reached; then brokers, with programs in Node around them
	@$(BIN)/clarion demo
	@echo && echo "Among programs in Node, on a real Redis and a real NATS:"
	@$(BIN)/python -m examples --small --only hotel-mailer ticket-expiration

up: $(READY) ## a running system on the hotel example
	@$(BIN)/clarion up --project examples/hotel

examples: $(READY) ## run the examples on real components, a line for each
	@$(BIN)/python -m examples

test: $(READY) ## all tests, in four parts at once
	@$(BIN)/python tools/test.py

bench: $(READY) ## measure everything, the peers beside us, in one run (takes long)
	@$(BIN)/python -m bench

torture: $(READY) ## the fault scenarios, long
	@$(BIN)/python -m pytest -m torture

check: $(READY) ## format, lint, types, import rules, file sizes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@for file in examples/*/run.py; do $(BIN)/mypy $$file --no-error-summary || exit 1; done
	@$(BIN)/lint-imports
	@$(BIN)/python tools/file_sizes.py

openapi: $(READY) ## write docs/reference/openapi.json anew
	@$(BIN)/python tools/openapi.py

fmt: $(READY) ## format and mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## remove what the other targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench/.work bench/node/node_modules examples/node_modules tests/node/node_modules
