# Two commands do all the set-up: `make` runs the default study, `make test` the tests.
SHELL := /bin/bash
.DEFAULT_GOAL := study
PYTHON ?= python3
BIN := .venv/bin
# Every job imports PyTorch, which takes three times as long without compiled bytecode.
unexport PYTHONDONTWRITEBYTECODE
CORES ?= all
# Run as many GPU jobs at a time as there are GPUs, one on each (untold/base/devices.py); one if there are none.
GPUS ?= $(shell $(BIN)/python -c 'from untold.base.devices import visible_gpus; print(max(1, len(visible_gpus())))')
# Show a live progress bar on a terminal, and plain lines in logs and in CI.
BAR := $(if $(CI),,$(shell test -t 2 && echo --logger rich))

.PHONY: study environment development test test-fast test-slurm test-gpu test-faults lint lint-js format lock audit docs site clean

study: environment ## run the default study
	@$(BIN)/snakemake --cores $(CORES) --resources gpu=$(GPUS) $(BAR)
	@echo "The report is $$(pwd)/results/report.html"

environment: .venv/.study ## create .venv for running studies (requirements.lock)

development: .venv/.development ## add the dependencies of tests and documentation (requirements-dev.lock)

# uv installs the locked set in seconds; it comes from the same registry as all packages.
.venv/.study: requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

.venv/.development: .venv/.study requirements-dev.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock requirements-dev.lock
	@touch $@

TESTS ?= not faults and not slurm and not benchmark and not gpu

test: development ## all tests that a machine without a GPU can run
	@$(BIN)/python -m pytest -n logical --dist worksteal -m "$(TESTS)" --durations=40

test-fast: development ## unit tests only
	@$(BIN)/python -m pytest -n logical --dist worksteal -m "not slow and $(TESTS)"

test-slurm: development ## the study on a SLURM cluster started on this machine (needs slurm-wlm, munge, root)
	@$(BIN)/python -m pytest -m slurm

test-gpu: development ## first run on a GPU: tests, then the tables for benchmarks/README.md (ten minutes, 10 GB of disk)
	@$(BIN)/python -m pytest -m gpu
	@$(BIN)/python -m pytest -q -m "not slow and $(TESTS)" tests/synthesis tests/models tests/base
	@$(BIN)/python -m benchmarks.synthesis --device cuda
	@$(BIN)/python -m benchmarks.devices

test-faults: development ## kill fifty runs and inject other faults (two hours)
	@$(BIN)/python -m pytest -m faults

lint: development ## CI's checks of style, types and documents
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/mypy
	@$(BIN)/snakemake --lint && $(BIN)/snakemake -s rules/miniature.smk --lint
	@$(MAKE) --no-print-directory lint-js site

lint-js: development node_modules/.package-lock.json ## types and lint of the page's script
	@PATH="$(CURDIR)/$(BIN):$$PATH" npx --no-install tsc --project . && PATH="$(CURDIR)/$(BIN):$$PATH" npx --no-install biome lint --error-on-warnings

node_modules/.package-lock.json: package-lock.json .venv/.development
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund

format: development
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/snakefmt Snakefile rules

# Both files come from one resolution. Each package names its dependents, from which a job's `code` finds its pins.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --annotation-style line

lock: development ## pin the dependencies again
	@cat requirements.lock requirements-dev.lock > .venv/all.lock
	@$(COMPILE) --group dev pyproject.toml --output-file .venv/all.lock
	@$(COMPILE) pyproject.toml --constraint .venv/all.lock --output-file requirements.lock
	@$(COMPILE) --group dev --constraint .venv/all.lock --output-file requirements-dev.lock
	@sed -Ei 's/ -c [^ ,]+,//; s/, -c [^ ,]+//' requirements.lock requirements-dev.lock
	@$(MAKE) --no-print-directory development
	@$(BIN)/python -m scripts.documents.document_dependencies

audit: development ## check the pinned dependencies for known vulnerabilities (needs the network)
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock -r requirements-dev.lock

docs: development ## generate config/schema.json, config/README.md and docs/tables.md
	@$(BIN)/python -m scripts.documents.document_config
	@$(BIN)/python -m scripts.documents.document_tables

site: development ## build the documentation site in docs/_build/html; warnings are errors
	@$(BIN)/sphinx-build -q -W -b html docs docs/_build/html

clean: ## remove the output of the default study
	rm -rf results .snakemake
