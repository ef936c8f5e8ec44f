# The two that a newcomer needs are `make run` and `make test`; `make help` lists them all.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint scripts/constraints.txt
INSTALLED_BY := pyproject.toml scripts/constraints.txt scripts/build_web.py web/package-lock.json
DEEP_ROOMS := $(addprefix tests/,billing ledger metering engines providers edge chat)
# Quick when all is there. Without them the service estimates tokens and has no built-in model, but it runs.
ASSETS := $(BIN)/prome assets || echo "Going on without them."

.DEFAULT_GOAL := help
.PHONY: help run dev test test-postgres check check-deep coverage mutants lint fmt migrate bench settings lock web screenshots clean

help: ## Lists what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: .venv/run.stamp ## Installs what is missing, migrates and serves on http://127.0.0.1:8000
	@$(ASSETS)
	$(BIN)/prome migrate up
	$(BIN)/prome serve

dev: .venv/dev.stamp ## Installs everything that tests and checks need
	@$(ASSETS)
	@$(BIN)/python -m scripts.build_web

test: dev ## Runs the tests on SQLite
	$(BIN)/python -m pytest -n auto

test-postgres: dev ## Runs the tests on a Postgres that comes with the test dependencies
	$(BIN)/python -m pytest -n auto --database=postgres -m "not browser and not either_engine"

# Tests wait for many things, so that both engines at once take a quarter less time than one after the other.
check: lint dev ## The whole gate: lint, tests on SQLite and tests on Postgres
	@$(MAKE) --no-print-directory --jobs=2 test .postgres-in-one-piece

# Says what it has to say at its end, and not between the lines of the other.
.postgres-in-one-piece:
	@mkdir -p build
	@$(MAKE) --no-print-directory test-postgres > build/postgres.txt 2>&1; found=$$?; cat build/postgres.txt; exit $$found

coverage: dev ## Runs the tests on SQLite and says which lines none of them came by
	$(BIN)/python -m pytest -n auto --cov --cov-report=term

check-deep: .venv/dev.stamp ## The promises with far larger numbers, held to their times; for a machine with nothing else to do, for hours
	DEEP=1 $(BIN)/python -m pytest $(DEEP_ROOMS) tests/browser tests/workers/test_storm.py tests/test_draining.py tests/test_bench.py
	DEEP=1 $(BIN)/python -m pytest --database=postgres $(DEEP_ROOMS) tests/workers

mutants: .venv/dev.stamp ## Breaks the ledger in many small ways and sees whether the tests notice
	$(BIN)/python -m scripts.mutants

lint: .venv/dev.stamp ## Checks format, style, types, floors and sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m scripts.check_floors
	$(BIN)/python -m scripts.check_sizes

fmt: .venv/dev.stamp ## Formats the code and mends what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migrate: .venv/run.stamp ## Brings the database up to date
	$(BIN)/prome migrate up

bench: .venv/dev.stamp ## Measures streams, turns and the ledger beside what is simpler, and prints ratios
	$(BIN)/python -m scripts.bench

settings: .venv/dev.stamp ## Writes .env.example and README's table from app/settings.py
	$(BIN)/python -m scripts.write_settings

lock: .venv/dev.stamp ## Pins the versions that are installed now
	$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' > scripts/constraints.txt

web: .venv/bin/python ## Brings the web client's libraries again, after web/package-lock.json has changed
	@$(PIP) --no-deps --editable .

screenshots: .venv/dev.stamp ## Takes pictures of the pages, in build/screenshots
	@$(BIN)/python -m scripts.screenshots

clean: ## Removes what was installed and built, and nothing that holds data
	rm -rf .venv dist build htmlcov .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Prome needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

# The built-in model is worth having, and the service runs without it where there is no build of it.
.venv/run.stamp: $(INSTALLED_BY) | .venv/bin/python
	@echo "Installing Prome into .venv …"
	@$(PIP) --only-binary xllamacpp --editable '.[local]' 2>/dev/null || $(PIP) --editable .
	@touch $@

.venv/dev.stamp: $(INSTALLED_BY) | .venv/bin/python
	@echo "Installing Prome and its tools into .venv …"
	@$(PIP) --only-binary xllamacpp --editable '.[dev,local]' 2>/dev/null || $(PIP) --editable '.[dev]'
	@touch $@
