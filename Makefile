# One habit, one command. Everything is installed into .venv; nothing else on the machine is touched.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROJECTS := pyproject.toml plugins/otomax/pyproject.toml

.PHONY: help run test lint format bench simulate soak soak-cluster chart alerts docs-page image clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

# Each stamp is one set of installed packages, renewed when a project file changes.
$(VENV)/.run: $(PROJECTS) | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e . -e plugins/otomax
	@touch $@

$(VENV)/.dev: $(PROJECTS) | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[lint,test]' -e plugins/otomax
	@touch $@ $(VENV)/.run

$(VENV)/.checks: $(PROJECTS) | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[checks,lint,test]' -e plugins/otomax
	@touch $@ $(VENV)/.run $(VENV)/.dev

run: $(VENV)/.run  ## start the gateway and the sandbox supplier, and print a purchase to paste
	@$(BIN)/gateway serve --config config/gateway.yaml --sandbox

test: $(VENV)/.dev  ## every test
	$(BIN)/pytest -n 2

lint: $(VENV)/.dev  ## style, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## what a purchase costs beside a bare forwarder
	$(BIN)/python bench/purchase.py

SEEDS ?= 10000
FROM ?= 1000
simulate: $(VENV)/.dev  ## more seeds of the simulation: make simulate SEEDS=10000
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --from $(FROM)

soak: $(VENV)/.dev  ## kill the gateway again and again during 10,000 purchases, and count at the suppliers
	$(BIN)/python tests/faults/soak.py

soak-cluster: $(VENV)/.dev  ## kill replicas and fail PostgreSQL during 10,000 purchases at three gateways, and count
	$(BIN)/python tests/cluster/soak.py

# The checks below need programs that are not Python packages; each brings its own into .tools.
chart: $(VENV)/.checks  ## the Helm chart, with helm 4 and 3.19
	$(BIN)/pytest checks/chart

alerts: $(VENV)/.dev  ## alerts and dashboard, by promtool and a real Prometheus
	$(BIN)/pytest checks/alerts

docs-page: $(VENV)/.dev  ## /docs in a real browser
	$(BIN)/pytest checks/docs

image: $(VENV)/.dev  ## build the container image and try it
	$(BIN)/pytest checks/image

clean:  ## remove what was installed and built
	rm -rf $(VENV) .tools build dist .mypy_cache .ruff_cache .pytest_cache
