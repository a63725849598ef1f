# make run     set up, load simulated participants if nothing is loaded, open http://127.0.0.1:8501
# make test    set up, lint, types, every test, a real browser included
# make prove   the long proofs
# make bench   measure, and write docs/benchmarks.md
# make docs    write docs/datasets.md, docs/definition.md, docs/checks.md, docs/methods.md
# make lock    compile requirements*.in to requirements*.txt, with hashes
# make clean   remove what these made; never what was loaded

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test lint types tests prove bench docs lock clean

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check
# Stamps: set up once, and again when the requirements change.
FOR_RUNNING := $(VENV)/.installed-for-running
FOR_TESTS := $(VENV)/.installed-for-tests
COMPILED := $(VENV)/.compiled-for-tests

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# ---------------------------------------------------------------------------------------- set-up

# pip is the last that `python -m venv` makes, so where it is, the rest is.
$(VENV)/bin/pip:
	@for python in "$$BASE_PYTHON" python3 python3.13 python3.12 python3.11; do \
	    if [ -n "$$python" ] && "$$python" -c 'import sys; \
	        sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	        rm -rf $(VENV); \
	        exec "$$python" -m venv $(VENV); \
	    fi; \
	done; \
	echo "Python 3.11, 3.12 or 3.13 is needed, and python3 here is" \
	    "$$(python3 --version 2>/dev/null || echo missing). Install Python 3.13, with its venv module, or" \
	    "name one that is installed: BASE_PYTHON=/path/to/python3.13 make" >&2; \
	exit 1

$(FOR_RUNNING): requirements.txt | $(VENV)/bin/pip
	@echo "Installing what the dashboard needs; this takes about a minute, once."
	@$(PIP) install --quiet --require-hashes -r requirements.txt
	@touch $@ && echo "Installed in $(VENV)."

# By uv, which takes a fraction of pip's time; where it does not come or knows no way to the packages
# (an index that only pip is told of), by pip.
$(FOR_TESTS): requirements-dev.txt requirements-uv.txt | $(VENV)/bin/pip
	@echo "Installing what dashboard and tests need; this takes up to a minute, once."
	@{ $(PIP) install --quiet --require-hashes -r requirements-uv.txt \
	    && $(VENV)/bin/uv pip install --quiet --python $(PYTHON) \
	        --require-hashes -r requirements-dev.txt; } \
	    || $(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@ && echo "Installed in $(VENV)."

# Tests and all that they import, once: the workers would each compile the same at the same time.
# What cannot be imported they tell.
$(COMPILED): $(FOR_TESTS)
	@PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest -q --collect-only >/dev/null || true
	@touch $@

# -------------------------------------------------------------------------------------- commands

# Runs the entry script once, so that the first visitor waits for nothing and finds every page.
define GET_READY
import time, urllib.request
for _ in range(240):
    try:
        urllib.request.urlopen("http://127.0.0.1:8501/_stcore/script-health-check").close()
        break
    except OSError:
        time.sleep(0.25)
endef
export GET_READY

# The demonstration makes its keys beside the store; a key that is set already is left as it is.
define DEMONSTRATION_KEYS
import shlex
from settings import read_settings
now = read_settings()
keys = now.store.parent / "demonstration-keys"
files = {}
if now.board_private_key_file is None and (keys / "board_private.key").is_file():
    files["BOARD_PUBLIC_KEY_FILE"] = keys / "board_public.key"
    files["BOARD_PRIVATE_KEY_FILE"] = keys / "board_private.key"
if now.audit_key_file is None and (keys / "audit.key").is_file():
    files["AUDIT_KEY_FILE"] = keys / "audit.key"
for name, file in files.items():
    print(f"export DSMB_{name}={shlex.quote(str(file))}")
endef
export DEMONSTRATION_KEYS

run: $(FOR_RUNNING)
	@$(PYTHON) -m data_validation demonstration
	@eval "$$($(PYTHON) -c "$$DEMONSTRATION_KEYS")"; \
	export DSMB_IDENTITY=demonstration; \
	$(PYTHON) -c "$$GET_READY" & \
	exec $(VENV)/bin/streamlit run server.py

# The types are looked at while the tests run, which leave the processors free here and there.
test: lint
	@$(MAKE) --no-print-directory --jobs 2 types tests
	@echo "All is well."

lint: $(FOR_TESTS)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@echo "Lint: clean."

types: $(FOR_TESTS)
	@$(VENV)/bin/mypy .
	@echo "Types: clean."

# Three workers for two processors, as tests with a browser wait for it, for a server, and for each
# other; what a file's tests share is made once for the file. In the order that tests/conftest.py
# says: the files that take longest come first. One thread each: the workers already have both
# processors, and of small tables most of the time goes into handing the work over. Compiled modules
# are kept: tests start many a process.
tests: $(COMPILED)
	@$(PYTHON) -m tests.browser.chromium
	@$(PYTHON) -m tests.postgres
	@PYTHONDONTWRITEBYTECODE= POLARS_MAX_THREADS=1 $(PYTHON) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder
	@echo "Tests: passed."

prove: $(FOR_TESTS)
	@$(PYTHON) -m tests.browser.chromium
	@DSMB_PROVE=1 $(PYTHON) -m pytest -q -n 2 --dist loadfile --timeout 3600 --ignore tests/browser
	@DSMB_PROVE=1 $(PYTHON) -m pytest -q -s tests/browser/test_many_sessions.py \
	    tests/browser/test_on_the_wire.py
	@echo "Proved."

bench: $(FOR_TESTS)
	@$(PYTHON) -m tests.browser.chromium
	@$(PYTHON) -m tests.benchmarks.measure

# What stands above the mark in each of them is written by hand, and stays.
docs: $(FOR_TESTS)
	@$(PYTHON) -m docs.generate
	@echo "Wrote docs/datasets.md, docs/definition.md, docs/checks.md and docs/methods.md."

lock: $(VENV)/bin/pip
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/pip --disable-pip-version-check install --quiet uv
	@$(VENV)/lock/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	    requirements.in -o requirements.txt
	@$(VENV)/lock/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	    requirements-dev.in -c requirements.txt -o requirements-dev.txt
	@echo uv | $(VENV)/lock/bin/uv pip compile --quiet --generate-hashes - -o requirements-uv.txt
	@echo "Compiled requirements.txt and requirements-dev.txt."

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Removed. What was loaded is still in .dsmb."
