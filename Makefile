# One word a task; CI runs the same words. `make help` lists them.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -q
HOST ?= 127.0.0.1
PORT ?= 8025
OUT ?= var/trained
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
	@python3 -c 'import ensurepip' 2>/dev/null || if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -yq python3-venv; \
	  else echo "Python has no venv here: install it first (apt install python3-venv)"; exit 1; fi
	python3 -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.serve: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[serve]'
	@touch $@

# torch comes first and by itself, so that nothing else chooses its build. Where pip would fetch the one for graphics
# cards, give the index of the small one: make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
$(VENV)/.all: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install torch==2.13.0 $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
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

train: $(VENV)/.all ## train the model to ship into var/trained (OUT=...), from the base (more than half an hour on two cores)
	$(VENV)/bin/rebound-train run --profile scratch --out $(OUT)

golden-accept: $(VENV)/.all ## rewrite the expectations of the golden emails; review the diff
	REBOUND_GOLDEN_ACCEPT=1 $(PY) -m pytest tests/golden -q

lock: $(VENV)/.all ## write constraints.txt from what is installed
	$(PIP) freeze --exclude-editable | sed -E 's/\+cpu$$//' | grep -vE '^(pip|setuptools|rebound-dsn)\b' > constraints.txt

clean: ## remove the environment and all caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
