# Set-up in two commands: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
BOARD ?= pi4
SCENARIO ?= brownout

.PHONY: help run demo stack test bench abuse lint types floors docs expected format clean

help:
	@echo "make run       the exporter, from nothing (more flags: make run ARGS='--console')"
	@echo "make demo      the exporter on a simulated board that browns out (make demo BOARD=pi5 SCENARIO=fan-failure)"
	@echo "make stack     exporter, Prometheus, Alertmanager, Grafana together, prints alerts (make stack SCENARIO=brownout)"
	@echo "make test      all checks"
	@echo "make bench     what it costs beside node_exporter, half an hour, and writes the tables of the pages (make bench ARGS=--quick: five minutes, only prints)"
	@echo "make abuse     attack it and node_exporter over loopback, 40 minutes (make abuse ARGS=--quick: twelve)"
	@echo "make docs      write the references, the event schema, simulated boards, rules, dashboards and manifests anew"
	@echo "make expected  write the recorded hosts' expected expositions anew, for review"
	@echo "make format    lay out the code"

$(VENV)/run.stamp: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("sysvitals needs Python 3.11 or later: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

run: $(VENV)/run.stamp
	@exec $(BIN)/sysvitals serve $(ARGS)

demo: $(VENV)/run.stamp
	@folder=$$(mktemp -d "$${TMPDIR:-/tmp}/sysvitals-demo.XXXXXX"); \
	$(BIN)/sysvitals simulate --board $(BOARD) --scenario $(SCENARIO) "$$folder/board" & board=$$!; \
	trap 'kill $$board 2>/dev/null; wait $$board; rm -rf "$$folder"' EXIT; trap 'exit 130' INT TERM; \
	echo "A simulated board without Prometheus. For alerts that are sent: make stack BOARD=$(BOARD) SCENARIO=$(SCENARIO)"; \
	until [ -e "$$folder/board/proc/stat" ]; do kill -0 $$board || exit 1; sleep 0.1; done; \
	$(BIN)/sysvitals serve --path.procfs="$$folder/board/proc" --path.sysfs="$$folder/board/sys" \
		--path.rootfs="$$folder/board" --path.devfs="$$folder/board/dev" --storage.path="$$folder/data" --console $(ARGS)

stack: $(VENV)/run.stamp
	@exec $(BIN)/sysvitals stack $(if $(filter command environment,$(origin BOARD) $(origin SCENARIO)),--simulate=$(BOARD):$(SCENARIO)) $(ARGS)

test: lint types floors
	$(BIN)/pytest --numprocesses=auto $(ARGS)

bench: $(VENV)/test.stamp
	$(BIN)/python benchmarks/bench.py $(or $(ARGS),--json=benchmarks/results.json)
	$(if $(ARGS),,$(BIN)/python benchmarks/render.py)

abuse: $(VENV)/test.stamp
	$(BIN)/python benchmarks/abuse.py $(ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp
	$(BIN)/mypy

floors: $(VENV)/test.stamp
	PYTHONPATH=exporter $(BIN)/lint-imports

docs: $(VENV)/test.stamp
	$(BIN)/python exporter/generate.py
	$(BIN)/python exporter/pack_boards.py
	$(BIN)/python -m prometheus.rulebook
	$(BIN)/python -m grafana.builder
	$(BIN)/python -m deploy.kubernetes
	$(BIN)/python benchmarks/render.py

expected: $(VENV)/test.stamp
	UPDATE_EXPECTED=1 $(BIN)/pytest --quiet tests/test_hosts.py -k exposition
	@git status --short tests/hosts

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
