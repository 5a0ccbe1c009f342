# Every target does the set-up it needs; `make setup` is a no-op when nothing changed.
PYTHON ?= $(or $(firstword $(foreach version,3.11 3.12 3.13,$(shell command -v python$(version)))),python3.11)
BIN := .venv/bin
export DO_NOT_TRACK := 1

.PHONY: help setup setup-objects setup-metrics setup-spark setup-dev demo dev test test-all lint lint-python lint-sql format picture bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.run .venv/.parsed  ## virtual environment with the command .venv/bin/pipeledger
setup-objects: .venv/.objects  ## the same with what a ledger in a bucket needs
setup-metrics: .venv/.metrics  ## the same with what `pipeledger metrics` computes with
setup-spark: .venv/.spark  ## the same with Spark, for `pipeledger build --target spark` (500 MB; needs Java 17)
setup-dev: .venv/.dev  ## the same with the test and lint tools

.venv/bin/uv:
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) not found, Python 3.11 to 3.13 with venv needed. Run: apt-get install python3.11-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv

# uv reads the lock, because the pip of Python 3.11 refuses extras under --require-hashes. The command itself
# is installed by name from this folder, so that an edit takes effect at once.
.venv/.run: requirements.lock pyproject.toml | .venv/bin/uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# dbt reads the project of the demo once here, so that no new home waits for it.
.venv/.parsed: .venv/.run orchestration/steps/dbt.py orchestration/steps/lean_manifest.py $(shell find dbt_project -type f -not -path '*/target/*' -not -path '*/logs/*')
	@$(BIN)/python -m orchestration.steps.dbt demo >/dev/null
	@touch $@

.venv/.objects: requirements-objects.lock .venv/.run
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-objects.lock
	@touch $@

.venv/.metrics: requirements-metrics.lock .venv/.run
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-metrics.lock
	@touch $@

.venv/.spark: requirements-spark.lock .venv/.run
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-spark.lock
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.lock
	@touch $@

demo: setup  ## a synthetic company, 540 days, ready to query
	$(BIN)/pipeledger demo

dev: setup  ## Dagster's UI on 127.0.0.1
	$(BIN)/pipeledger ui

test: setup-dev  ## the tests (about 7 minutes on 2 cores)
	$(BIN)/pytest -m "not slow"

test-all: setup-dev setup-spark  ## the slow ones too
	$(BIN)/pytest

lint: setup-dev  ## ruff, mypy, import-linter, sqruff
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint-python lint-sql

lint-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# sqruff passes over macros; tests/dbt_project/test_macros.py reads them.
lint-sql:
	$(BIN)/python .ci/lint_sql.py dbt_project/models dbt_project/checks dbt_project/tests

format: setup-dev  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

REPORT ?= .pipeledger-demo/published/report.html
picture:  ## README's picture of the report, from `make demo` (needs chromium)
	@command -v chromium >/dev/null || { echo "picture: chromium not found, a browser needed. Run: apt-get install chromium"; exit 1; }
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 --window-size=1000,900 \
		--screenshot=docs/report.png "file://$(abspath $(REPORT))"

bench: setup-dev  ## capture, ledger and daily pipeline against the usual ways
	$(BIN)/python -m benchmarks.bench

# For every Python that pyproject.toml allows.
RESOLVED := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock: .venv/bin/uv  ## resolve the dependencies anew
	$(BIN)/uv pip compile $(RESOLVED) --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile $(RESOLVED) -c requirements-dev.lock pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(RESOLVED) -c requirements-dev.lock --extra objects pyproject.toml -o requirements-objects.lock
	$(BIN)/uv pip compile $(RESOLVED) -c requirements-dev.lock --extra metrics pyproject.toml -o requirements-metrics.lock
	$(BIN)/uv pip compile $(RESOLVED) -c requirements-dev.lock --extra spark pyproject.toml -o requirements-spark.lock

clean:  ## remove the virtual environment and caches
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache dbt_project/target dbt_project/logs
