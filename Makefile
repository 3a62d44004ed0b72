# One word a task; CI runs the same words. `make help` lists them.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -q
HOST ?= 127.0.0.1
PORT ?= 8025
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help serve setup setup-serve check test test-fast bench train lock golden-accept clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: $(VENV)/.serve ## install what serving needs (no torch) and serve on http://127.0.0.1:8025
	$(VENV)/bin/rebound serve --host $(HOST) --port $(PORT)

setup-serve: $(VENV)/.serve ## install what serving needs
setup: $(VENV)/.all ## install everything: serving, training, development

$(VENV)/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Rebound needs Python 3.11 or newer"; exit 1; }
	python3 -m venv $(VENV) || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -yq python3-venv && python3 -m venv $(VENV); }

$(VENV)/.serve: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[serve]'
	@touch $@

# torch comes first and by itself: asked for together with the rest, pip may choose a build for graphics cards.
$(VENV)/.all: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install torch==2.13.0
	$(PIP) install -c constraints.txt -e '.[all]'
	@touch $@ $(VENV)/.serve

check: $(VENV)/.all ## format, lint, types, import rules
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: $(VENV)/.all ## every test
	$(PY) -m pytest

test-fast: $(VENV)/.all ## unit, property and golden tests: seconds
	$(PY) -m pytest tests/unit tests/property tests/golden -q

bench: $(VENV)/.all ## medians of cold, cached and batch classification beside two baselines
	$(PY) -m benchmarks.bench

train: $(VENV)/.all ## train the full model into var/models (about half an hour on two cores)
	$(VENV)/bin/rebound-train run

golden-accept: $(VENV)/.all ## rewrite the expectations of the golden emails; review the diff
	REBOUND_GOLDEN_ACCEPT=1 $(PY) -m pytest tests/golden -q

lock: $(VENV)/.all ## write constraints.txt from what is installed
	$(PIP) freeze --exclude-editable | sed -E 's/\+cpu$$//' | grep -vE '^(pip|setuptools|rebound-dsn)\b' > constraints.txt

clean: ## remove the environment and all caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
