# Every target sets up what it needs; a machine with Python 3.11+ and make is enough for `dashboards`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
# The compose stack has boards of the defaults, and of its own what it scrapes, whom it tells, and rules that link to it.
DEMO   := --config docker/bundle.yaml --out docker/generated --only scrape/prometheus.yml --only 'alerts/*'
# The files of your own configuration have a folder of their own: the committed ones are those of the defaults.
YOURS  := $(if $(CONFIG),--config $(CONFIG) --out $(or $(OUT),$(basename $(CONFIG))))
# Versions are those of the lock, which `make lock` renews; nobody who installs the package itself is bound by it.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint tools/constraints.txt
# A module of tests stays in one process, whose servers it shares; four at once want 4 GB.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

# What runs on real Agent Servers of more versions than `make test` takes. The tests beside these that have the marker run too.
SERVERS := tests/test_truth.py tests/test_conformance.py tests/test_mixed_fleet.py

.DEFAULT_GOAL := help
.PHONY: help dashboards check lint test configurations unit matrix types docs site changes render reference truth fidelity promtool-tests validate demo up down compose lock newest bench dist clean

help: ## this list (default)
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dashboards: $(BIN)/agentobs ## write dashboards/, alerts/ and scrape/ (CONFIG=bundle.yaml writes yours to bundle/, or to OUT=folder)
	@$(BIN)/agentobs generate $(YOURS)
	@$(if $(CONFIG),,$(BIN)/agentobs generate $(DEMO))

check: $(BIN)/agentobs ## are the committed files what the generator makes?
	@$(BIN)/agentobs check $(YOURS)
	@$(if $(CONFIG),,$(BIN)/agentobs check $(DEMO))

lint: $(BIN)/agentobs ## named checks over catalogue, rules, dashboards and scrape files
	@$(BIN)/agentobs lint $(YOURS)

test: $(VENV)/.dev ## everything: style, types, generated files, unit tests, real servers (ARGS=… for pytest)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/agentobs check
	@$(BIN)/agentobs check $(DEMO)
	@$(BIN)/agentobs lint
	@$(PYTEST) $(ARGS)

configurations: $(VENV)/.dev ## thousands of configurations, others at every run: each works, or is refused with a line (EXAMPLES=5000)
	@AGENTOBS_CONFIGURATIONS=$(or $(EXAMPLES),2000) $(BIN)/python -m pytest tests/test_configurations.py $(ARGS)

unit: $(VENV)/.dev ## the fast tests only, in a minute: no real servers, no floods, no whole scenarios
	@$(PYTEST) -m "not real and not long and not matrix" $(ARGS)

matrix: $(VENV)/.dev ## the whole proof on every Prometheus, Alertmanager, VictoriaMetrics and Agent Server (a quarter of an hour; MINUTES=10 watches the mixed fleet in real time)
	@AGENTOBS_FLEET_MINUTES=$(or $(MINUTES),2) $(BIN)/python -m pytest tests/test_matrix.py $(SERVERS) -m "real or matrix" -p testbed.matrix.table $(ARGS)
	@$(BIN)/python -m pytest tests -m matrix $(addprefix --ignore=,tests/test_matrix.py $(SERVERS)) $(ARGS)

types: $(VENV)/.dev ## type check and style only
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: $(VENV)/.dev ## write the generated parts of README.md and docs/
	@PYTHONPATH=. $(BIN)/python tools/docs.py

site: $(VENV)/.dev ## build the documentation as a site: build/site/index.html (strict; CONFIG=bundle.yaml has your pages, OUT=folder)
	@PYTHONPATH=. $(BIN)/python tools/site.py $(OUT) $(if $(CONFIG),--config $(CONFIG))

changes: $(VENV)/.dev ## print the section "Upgrade" of CHANGELOG.md between two commits (FROM=900db51 TO=HEAD)
	@PYTHONPATH=. $(BIN)/python tools/changes.py $(FROM) $(or $(TO),HEAD)

render: $(VENV)/.dev ## draw every board with Grafana's libraries to docs/images and check what it shows (needs node and Chromium; ARGS=overview or faults)
	@PYTHONPATH=. $(BIN)/python tools/grafana_render/render.py $(ARGS)

reference: $(VENV)/.dev ## start a busy simulated Agent Server on 127.0.0.1:8123, sixty times as fast as life
	@echo 'Sixty seconds pass in one: rules for it are those of `$(BIN)/agentobs generate --time-scale 60 --out DIR`; ARGS="--time-scale 1" plays at the pace of life.' >&2
	@EXPOSE_INTERNAL_METRICS_PROMETHEUS=true $(BIN)/agent-reference-server --runtime postgres --scenario busy --time-scale 60 --port 8123 $(ARGS)

up: ## the whole stack in Docker, Grafana on http://127.0.0.1:3000 (SCENARIO=f07-saturation TIME_SCALE=1 WORKERS=2)
	@docker compose up --build --detach $(if $(WORKERS),--scale agent-queue=$(WORKERS)) $(ARGS)
	@docker compose ps --format '{{.Service}}: {{.Ports}}' | sed -n 's,^\([a-z-]*\): .*\(127[.0-9]*:[0-9]*\)->.*,  \1  http://\2,p' | sort -u
	@echo "  docker compose logs --follow validate webhook    what is checked, and what alerts say"

down: ## stop that stack and forget what it recorded
	@docker compose down --volumes --remove-orphans

compose: $(VENV)/.dev ## run docker-compose.yml for real and check it, beside a stack that is up
	@$(BIN)/python -m testbed.compose $(ARGS)

lock: $(VENV)/.dev ## take newer versions of what the image and the development environment install
	@$(BIN)/python tools/lock.py

newest: $(VENV)/.dev ## name the newest Prometheus, Alertmanager, VictoriaMetrics and Agent Server for the tests (VERSIONS=0.15.9 pins that one)
	@PYTHONPATH=. $(BIN)/python tools/newest.py $(VERSIONS)

truth: $(VENV)/.dev ## hold a real page against the catalogue (PAGE=file or address SYSTEM=agentgateway VERSION=1.4.1)
	@PYTHONPATH=. $(BIN)/python tools/truth.py "$(PAGE)" "$(SYSTEM)" "$(VERSION)"

fidelity: $(VENV)/.dev ## which alert fires in which scenario: all scenarios through all rules
	@$(BIN)/python -m testbed.fidelity $(ARGS)

promtool-tests: $(VENV)/.dev ## write the cases of tests/rules as promtool's unit tests, with their rule files (DIR=folder)
	$(BIN)/python -m testbed.promtool $(DIR)

validate: $(VENV)/.dev ## reference servers, Prometheus and Alertmanager on this machine, proved by `agentobs validate` (ARGS="--scenario F10 --time-scale 60")
	@$(BIN)/python -m testbed.stack $(ARGS)

demo: $(VENV)/.dev ## the same left running, with faults that fire alerts; Ctrl-C stops it
	@$(BIN)/python -m testbed.stack --keep $(ARGS)

bench: $(VENV)/.dev ## generator, page writing, a fleet of 1,000 servers, rules and boards over a month (eight minutes)
	@failed=; for name in generate exposition fleet rules backtest; do \
	  PYTHONPATH=. $(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "a bound does not hold, or could not be measured:$$failed" >&2; exit 1; }

dist: $(VENV)/.dev ## build wheel and sdist into dist/; the same commit gives the same wheel
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 315532800) $(BIN)/python -m build --quiet --no-isolation --outdir dist .

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)

$(BIN)/agentobs: $(BIN)/python pyproject.toml tools/constraints.txt
	@echo "installing the generator and its libraries (grafanalib, jsonschema, promql-parser, ...) into $(VENV): half a minute" >&2
	@$(INSTALL) 'setuptools>=77'
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/agentobs
	@echo "installing what tests and tools need (pytest, ruff, mypy, mkdocs, ...) into $(VENV): a minute" >&2
	@$(INSTALL) 'setuptools>=77'
	@$(INSTALL) --no-build-isolation --editable '.[dev]'
	@touch $@
