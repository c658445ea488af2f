# Everything starts from here: `make demo` and `make test` do all the set-up on a machine with Python 3.11.
PYTHON ?= python3.11
UV_VERSION := 0.13.8
BIN := .venv/bin
NODES ?= 1
PORT ?= 9200
AIRFLOW_PORT ?= 18080
WORKERS ?= 2

.PHONY: help demo test lint format bench known-figures kill-test nightly-test fuzz elasticsearch airflow lock clean

help:
	@echo "make demo     draw a catalogue, find its variants, print the recall curve"
	@echo "make test     the whole test suite (WORKERS=2: on two cores)"
	@echo "make lint     ruff, mypy and vulture"
	@echo "make bench    speed, as ratios measured side by side in one run"
	@echo "make known-figures  the known figures of the real feed, measured again"
	@echo "make nightly-test  tonight's feed into a store, against a full run of it"
	@echo "make fuzz     10,000 broken feeds and 10,000 broken pictures, then coverage-guided fuzzing"
	@echo "make elasticsearch  a real Elasticsearch node on this machine, without Docker (NODES=3: three; PORT=9200)"
	@echo "make airflow  a whole Airflow on this machine with the DAGs, on the demo's catalogue (AIRFLOW_PORT=18080)"
	@echo "make lock     resolve pyproject.toml into requirements.lock again"

demo: .venv/ready
	$(BIN)/variants demo

# The slowest files come first, as tests/two_workers.py lists them, and not those with the most tests.
test: .venv/ready
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 20

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/vulture

format: .venv/ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/ready
	$(BIN)/python -m benchmarks

known-figures: .venv/ready
	$(BIN)/python -m benchmarks.quality.known_figures --write docs/known-figures.md

kill-test: .venv/ready
	$(BIN)/python -m benchmarks.speed.kill_and_resume --seeds 20

nightly-test: .venv/ready
	$(BIN)/python -m benchmarks.speed.nightly

fuzz: .venv/ready
	$(BIN)/python -m tests.fuzz.run --feeds 10000 --pictures 10000 --atheris 120

# Ends with Ctrl-C; data and logs stay in elasticsearch-out/.
elasticsearch: .venv/ready
	$(BIN)/python -m devtools.elastic_node --nodes $(NODES) --port $(PORT)

# Ends with Ctrl-C; everything lies in .airflow/.
airflow: .venv/ready
	$(BIN)/python -m devtools.airflow_node --port $(AIRFLOW_PORT)

lock: .venv/ready
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.11 \
		--extra dev --extra airflow --extra elasticsearch --extra notebooks --extra training \
		pyproject.toml --output-file requirements.lock

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirements requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .airflow demo variants-out bench-out elasticsearch-out .fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
