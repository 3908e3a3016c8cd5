# make run | test | faults | check | fmt | lock | bench. Needs python3 (3.11 or newer), venv and make; the rest is installed here.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ADDRESS ?= 127.0.0.1
PORT ?= 8000
# What `make test` gives to pytest: make test ARGS="tests/lists -x"
ARGS ?=
# Options of bench/send.py.
SEND_BENCH ?=

.PHONY: run test faults check fmt lock bench clean

# The demonstration: everything on this machine, mail goes to the built-in sandbox.
run: $(VENV)/.run
	$(BIN)/python manage.py up --demo --host $(ADDRESS) --port $(PORT)

test: $(VENV)/.dev
	BIN=$(BIN) ARGS="$(ARGS)" tools/test.sh

# Kills workers, databases and servers in mid send and compares what was accepted with the rows (docs/faults.md).
faults: $(VENV)/.dev
	BIN=$(BIN) ARGS="$(ARGS)" tools/faults.sh

check: $(VENV)/.dev
	BIN=$(BIN) tools/check.sh

fmt: $(VENV)/.dev
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .
	find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --target-version 5.2

# Write requirements*.txt anew from requirements*.in; the only target that asks the package index for versions.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements-s3.in -o requirements-s3.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

# Messages a second beside what the machine could do at most (docs/performance.md), and notices a second.
# make bench SEND_BENCH="--messages 2000 --rounds 1"
bench: $(VENV)/.dev
	$(BIN)/python bench/send.py $(SEND_BENCH)
	$(BIN)/python bench/notices.py
	$(BIN)/python bench/freeze.py --recipients 100000
	$(BIN)/python bench/import.py --rows 100000
	$(BIN)/python bench/export.py --rows 100000
	$(BIN)/python bench/pages.py --subscribers 100000
	$(BIN)/python bench/erase.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage htmlcov

# A stamp says what the environment holds; it is made anew when its list changes.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11以降が必要です。")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.run
