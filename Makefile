# Everything a person runs here. `make` alone lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

# The first Python of 3.11 or newer; `make PYTHON=/path/to/python test` chooses another.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)

BIN := .venv/bin
DEMO_VENV := .cache/demo-venv
LOCK_VENV := .cache/lock-venv
BENCH_VENV := .cache/bench-venv
UV := uv==0.13.9
DAYS_OLD := 7

# How long the live part of the demo lasts, and its wallboard's language (en, pt-BR).
DEMO_SECONDS ?= 90
DEMO_LANG ?= en

# How many tests run beside each other: most of them wait for a broker or a worker.
JOBS ?= 2

# How long the centre of `make stack` lives.
STACK_SECONDS ?= 600

# Of the fault bench: which lane (all when empty), and which plan of faults.
LANE ?=
SEED ?= 1

.PHONY: help demo test check january stack faults bench lock clean python

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO_VENV)/stamp  ## see it work: simulated contact centre, live wallboard, nothing but Python needed
	@$(DEMO_VENV)/bin/filaviva demo --seconds $(DEMO_SECONDS) --lang $(DEMO_LANG)

test: .venv/stamp  ## every test; a real Kafka needs Java 17 and Maven, the summary says what ran
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m 'not alone'; beside=$$?; \
	$(BIN)/pytest -m alone; alone=$$?; exit $$((beside > alone ? beside : alone))

check: .venv/stamp  ## lint, format, types, import contracts, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m dashboards --check
	@$(BIN)/python -m dashboards.alerting --check
	@$(BIN)/python -m streams.schemas --check

january: .venv/stamp  ## the shared January data end to end, with its figures printed
	@$(BIN)/pytest -m shared tests/integration/test_january.py -s

stack: .venv/stamp  ## Kafka, worker, simulator, Prometheus, Alertmanager on loopback for STACK_SECONDS (600), then compare
	@$(BIN)/python -m tests.stack --seconds $(STACK_SECONDS)

bench: .venv/stamp $(BENCH_VENV)/packages  ## how fast and how lean, beside plain Faust, Quix Streams and a bare loop
	@$(BIN)/python -m tests.bench $(ARGS)

faults: .venv/stamp  ## the fault bench at full length, as a table; LANE=kill9 for one lane, SEED=7 for another plan
	@$(BIN)/python -m tests.faults $(LANE) --seed $(SEED)

lock: python  ## write all lock files again, from releases at least a week old
	@$(PYTHON) -m venv $(LOCK_VENV)
	@$(LOCK_VENV)/bin/pip install --quiet '$(UV)'
	@$(call compile,requirements.lock,--all-extras)
	@$(call compile,requirements-demo.lock,)
	@$(call compile,requirements-bench.lock,,tests/bench/requirements.in)

clean:  ## remove the environments and every cache but the downloaded Kafka
	@rm -rf .venv $(DEMO_VENV) $(LOCK_VENV) $(BENCH_VENV) build dist *.egg-info .coverage \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/packages: requirements.lock | python
	@$(call environment,.venv,requirements.lock)

$(DEMO_VENV)/packages: requirements-demo.lock | python
	@$(call environment,$(DEMO_VENV),requirements-demo.lock)

$(BENCH_VENV)/packages: requirements-bench.lock | python
	@$(call environment,$(BENCH_VENV),requirements-bench.lock)

# The project itself, built with the locked setuptools.
%/stamp: %/packages pyproject.toml
	@$*/bin/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

python:
	@test -n "$(PYTHON)" || { echo "Filaviva needs Python 3.11 or newer on the PATH; none was found." >&2; exit 1; }

# environment(folder, lock file): from scratch, hashes checked. The lock names every package, so nothing is left to resolve:
# asked to, older pips take the newest release of a package named with an extra and then miss its hash.
define environment
	echo "making $(1) with $(PYTHON) from $(2)" && rm -rf $(1) && $(PYTHON) -m venv $(1) && \
	$(1)/bin/pip install --quiet --no-deps --require-hashes -r $(2) && touch $(1)/packages
endef

# compile(lock file, extras, input): setuptools is in the lock because it builds the project. The project's own
# dependencies are the input unless another is given: Quix Streams' cannot live with them.
define compile
	echo 'setuptools>=77' | $(LOCK_VENV)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
		--generate-hashes --upgrade --exclude-newer "$$(date -u -d '-$(DAYS_OLD) days' +%F 2>/dev/null || \
		date -u -v-$(DAYS_OLD)d +%F)" --custom-compile-command 'make lock' $(or $(3),pyproject.toml) - $(2) -o $(1)
endef
