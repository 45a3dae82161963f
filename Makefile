# Every target sets up what it needs; a machine with Python 3.11+ and make is enough for `dashboards`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
# A module of tests stays in one process, whose servers it shares; four at once want 4 GB.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help dashboards check lint test unit matrix types docs render reference fidelity validate demo up down compose lock bench clean

help: ## this list (default)
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dashboards: $(BIN)/agentobs ## write dashboards/, alerts/ and scrape/ (CONFIG=bundle.yaml for your own)
	@$(BIN)/agentobs generate $(if $(CONFIG),--config $(CONFIG))

check: $(BIN)/agentobs ## are the committed files what the generator makes?
	@$(BIN)/agentobs check $(if $(CONFIG),--config $(CONFIG))

lint: $(BIN)/agentobs ## named checks over catalogue, rules, dashboards and scrape files
	@$(BIN)/agentobs lint $(if $(CONFIG),--config $(CONFIG))

test: $(VENV)/.dev ## everything: style, types, generated files, unit tests, real servers (ARGS=… for pytest)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/agentobs check
	@$(BIN)/agentobs lint
	@$(PYTEST) $(ARGS)

unit: $(VENV)/.dev ## the fast tests only, no real servers
	@$(PYTEST) -m "not real" $(ARGS)

matrix: $(VENV)/.dev ## the whole proof on every Prometheus, Alertmanager and VictoriaMetrics (ten minutes)
	@$(BIN)/python -m pytest tests/test_matrix.py -m "real or matrix" -p tests.matrix.table $(ARGS)

types: $(VENV)/.dev ## type check and style only
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: $(VENV)/.dev ## write the generated parts of README.md and docs/
	@PYTHONPATH=. $(BIN)/python tools/docs.py

render: $(VENV)/.dev ## draw every board with Grafana's libraries and check what it shows (needs node and Chromium; ARGS=overview)
	@PYTHONPATH=. $(BIN)/python tools/grafana_render/render.py $(ARGS)

reference: $(VENV)/.dev ## start a busy simulated Agent Server on 127.0.0.1:8123, sixty times as fast as life
	@EXPOSE_INTERNAL_METRICS_PROMETHEUS=true $(BIN)/agent-reference-server --runtime postgres --scenario busy --time-scale 60 --port 8123 $(ARGS)

up: ## the whole stack in Docker, Grafana on http://127.0.0.1:3000 (SCENARIO=f07-saturation TIME_SCALE=1 WORKERS=2)
	@docker compose up --build --detach $(if $(WORKERS),--scale agent-queue=$(WORKERS)) $(ARGS)
	@docker compose ps --format '{{.Service}}: {{.Ports}}' | sed -n 's,^\([a-z-]*\): .*\(127[.0-9]*:[0-9]*\)->.*,  \1  http://\2,p' | sort -u
	@echo "  docker compose logs --follow validate webhook    what is checked, and what alerts say"

down: ## stop that stack and forget what it recorded
	@docker compose down --volumes --remove-orphans

compose: $(VENV)/.dev ## run docker-compose.yml for real and check it, beside a stack that is up
	@$(BIN)/python -m tests.compose $(ARGS)

lock: $(VENV)/.dev ## take newer versions of what the image installs
	@$(BIN)/python tools/lock.py

fidelity: $(VENV)/.dev ## which alert fires in which scenario: all scenarios through all rules
	@$(BIN)/python -m tests.fidelity $(ARGS)

validate: $(VENV)/.dev ## reference servers, Prometheus and Alertmanager on this machine, proved by `agentobs validate` (ARGS="--scenario F10 --time-scale 60")
	@$(BIN)/python -m tests.stack $(ARGS)

demo: $(VENV)/.dev ## the same left running, with faults that fire alerts; Ctrl-C stops it
	@$(BIN)/python -m tests.stack --keep $(ARGS)

bench: $(VENV)/.dev ## generator, page writing, a fleet of 1,000 servers, the rules over it (six minutes)
	@$(BIN)/python benchmarks/generate.py
	@PYTHONPATH=. $(BIN)/python benchmarks/exposition.py
	@PYTHONPATH=. $(BIN)/python benchmarks/fleet.py
	-@PYTHONPATH=. $(BIN)/python benchmarks/rules.py

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)

$(BIN)/agentobs: $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/agentobs pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
