# Two commands to a verdict: `make demo`, then `make ui`. Every target sets up what it needs, once.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.longplay-setup
PACKAGES := longplay tables ingest features signals quality rankers experiments worlds jobs tools
PORT ?= 5000
# Bytecode is kept: importing torch and great-expectations without it costs seconds at every start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo ui test test-fast test-connect check check-style check-types docs lock wheel bench clean

help: ## What there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: $(STAMP) ## Virtual environment, locked packages, Java check, Delta's jars, Spark's classes (once)

$(VENV)/.uv:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is missing; install Python 3.11 or name one: make PYTHON=..." >&2; exit 6; }
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 13)))' \
	  || { echo "error: Longplay needs Python 3.11 or 3.12; found $$($(PYTHON) --version). Name one: make PYTHON=python3.11" >&2; exit 6; }
	@command -v java >/dev/null || [ -x "$$JAVA_HOME/bin/java" ] \
	  || { echo "error: Java is missing: Spark needs Java 17 or newer. Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17" >&2; exit 6; }
	@echo "setup 1/4: virtual environment in $(VENV)/"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@touch $@

$(STAMP): requirements.lock pyproject.toml client/pyproject.toml jobs/setup.py $(VENV)/.uv
	@echo "setup 2/4: locked packages (about 6 GB on disk, most of it PyTorch)"
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@echo "setup 3/4: Longplay itself"
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e client -e .
	@echo "setup 4/4: Java, Delta's jars and an archive of Spark's classes"
	@$(BIN)/longplay setup
	@touch $@

demo: setup ## The whole line on a simulated streaming service: tables, signals, rankers, verdict
	@$(BIN)/longplay simulate --size small --seed 1 --out world
	@$(BIN)/longplay run --source world --data world/log
	@echo "Now: make ui (MLflow), and open warehouse/world/report.html"

ui: setup ## Open MLflow on the tracked runs (PORT=5000)
	@$(BIN)/longplay ui --port $(PORT)

test: setup check ## Every test: the fast tier first, then Spark, then end to end
	@$(BIN)/python -m pytest tests/unit --numprocesses 2 --dist loadfile
	@$(BIN)/python -m pytest tests --ignore tests/unit --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: setup ## The tier without Spark: two minutes on two cores
	@$(BIN)/python -m pytest tests/unit --numprocesses 2 --dist loadfile

test-connect: setup ## The specs over Spark Connect, on a server started for them
	@$(BIN)/python -m tests.over_connect tests/spec --ignore tests/spec/test_mlflow_tracking.py

check: setup ## Lint, strict types, import direction, generated docs
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-style check-types

check-style:
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet $(PACKAGES)
	@report=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$report"; exit 1; }; echo "$$report" | grep Contracts:
	@$(BIN)/python -m tools.generate_reference --check

check-types:
	@$(BIN)/mypy $(PACKAGES)

docs: setup ## Write the generated reference (docs/reference)
	@$(BIN)/python -m tools.generate_reference

wheel: setup ## Build both wheels: the client and the platform, for a cluster
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist client
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .
	@ls dist/*.whl

lock: $(VENV)/.uv ## Pin every package with its hashes
	@$(UV) pip compile --quiet --generate-hashes --extra dev --extra sail --no-header --no-emit-package longplay --python-version 3.11 \
	  -o requirements.lock client/pyproject.toml pyproject.toml

clean: ## Remove what the demo made (tables, runs, world); keeps the environment
	@rm -rf warehouse world dist
