# Every target is also a plain command: read it here and run it by hand.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .tools/uv/bin/uv
BIN := .venv/bin
PARTS := .tools
BENCH ?= all

export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE ?= copy
# Compiled modules are kept, outside the tree: a process starts in half the time.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.tools/pycache
export PYTHONDONTWRITEBYTECODE :=

MANIFESTS := uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/studio/pyproject.toml)

.PHONY: help setup run test test-unit test-contract test-e2e check fmt lint types imports protos schema bench faults parts clean

help: ## Show this help
	@printf 'Pixel Studio\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

$(UV):
	@printf 'setup: the package manager uv %s\n' "$(UV_VERSION)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'setup: Python 3.11 or newer is needed; set PYTHON=/path/to/python3'; exit 2; }
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.run: $(UV) $(MANIFESTS)
	@printf 'setup: installing the studio into .venv\n'
	@$(UV) sync --quiet --frozen --no-dev --inexact --python $(PYTHON)
	@touch $@

.venv/.dev: $(UV) $(MANIFESTS)
	@printf 'setup: installing the studio and the development tools into .venv\n'
	@$(UV) sync --quiet --frozen --python $(PYTHON)
	@rm -f .venv/.bench
	@touch .venv/.run $@

.venv/.bench: .venv/.dev
	@printf 'setup: installing the peers of the benchmarks into .venv\n'
	@$(UV) sync --quiet --frozen --inexact --group bench
	@touch $@

setup: .venv/.dev ## Install everything a developer needs into .venv

run: .venv/.run ## Start the studio, make a first picture, serve until Ctrl-C
	@exec $(BIN)/studio up --first-picture

parts: .venv/.dev ## Fetch the real parts for the tests: Kafka, S3 server (cached in .tools)
	@$(BIN)/python -m pixel_embedded.parts fetch --into $(PARTS)

test: .venv/.dev parts ## Run every test on embedded and on real parts, with the coverage gate
	@$(BIN)/python -m tests.run

test-unit: .venv/.dev ## Run the fast tests that need no server
	@$(BIN)/pytest -q -n auto --maxprocesses=4 tests/unit tests/architecture

test-contract: .venv/.dev parts ## Run the tests of adapters on fake, embedded and real parts
	@$(BIN)/python -m tests.run adapters

test-e2e: .venv/.dev parts ## Run the public-API tests in both modes and compare their lists
	@$(BIN)/python -m tests.run e2e-embedded e2e-services

FULL_SIZE = tests/faults tests/e2e/test_durable_jobs.py tests/e2e/test_routes.py tests/e2e/test_money_endpoints.py \
	tests/integration/gateway/test_slow_readers.py tests/integration/generation/test_archive.py \
	tests/integration/generation/test_cancel_races.py tests/integration/generation/test_queue_order.py \
	tests/integration/generation/test_replay.py

faults: .venv/.dev parts ## The fault scenarios, and every test that has a full size, at that size
	@PROFILE=full CUT_RUNS=200 ROUTED_REQUESTS=1000 $(BIN)/pytest -q --timeout=1800 $(FULL_SIZE)

check: .venv/.dev lint types imports ## All static checks: format, lint, types, imports, protos, drift, shape of the tree
	@$(BIN)/buf lint protos
	@$(BIN)/buf format --exit-code protos >/dev/null || { echo 'protos are not formatted: make fmt'; exit 1; }
	@$(BIN)/buf breaking protos --against protos/released.binpb
	@$(BIN)/python libs/protos/generate.py --check 2> >(grep -v '^Writing mypy' >&2)
	@$(BIN)/python -m pixel_embedded.schemas --check
	@$(UV) lock --check --quiet --offline || $(UV) lock --check --quiet
	@$(BIN)/pytest -q tests/architecture

fmt: .venv/.dev ## Format the code and the protos
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/buf format --write protos

lint: .venv/.dev ## Format check and lint
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .

types: .venv/.dev ## Strict types
	@$(BIN)/mypy --no-error-summary

imports: .venv/.dev ## Import contracts
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache

protos: .venv/.dev ## Generate libs/protos from protos/
	@$(BIN)/python libs/protos/generate.py 2> >(grep -v '^Writing mypy' >&2)

schema: .venv/.dev ## Write services/*/schema.sql from the migrations
	@$(BIN)/python -m pixel_embedded.schemas

bench: .venv/.bench parts ## Run the benchmarks, or one: make bench BENCH=submit
	@$(BIN)/python -m tests.load $(BENCH)

clean: ## Remove what was built; keeps .studio (your pictures) and .tools
	@rm -rf .venv .tools/pycache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist build
