# `make train` and `make test` need only Python 3.11 or newer.
PYTHON ?= python3
ARGS ?= --stop detach
# The tests run in parallel, one worker per core.
WORKERS ?= --numprocesses auto --dist worksteal
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: train test setup lint test-fast bench faults soak test-versions wheels docs

train: .venv/.ready
	.venv/bin/python scripts/train.py $(ARGS)

test: .venv/.ready-development
	.venv/bin/python -m pytest $(WORKERS)

test-fast: .venv/.ready-development
	.venv/bin/python -m pytest $(WORKERS) -m "not slow"

lint: .venv/.ready-development
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright

# Fault tests with 50 kills instead of 10.
faults: .venv/.ready-development
	DDPG_KILLS=50 .venv/bin/python -m pytest tests/faults

# Measures all tables of docs/performance.md and writes them into it. Takes hours; the machine must be idle.
bench: .venv/.ready-bench
	.venv/bin/python scripts/bench.py --all --size both --picture docs/pictures/scaling.png \
		--json docs/performance.json --document docs/performance.md

# 300,000 environment steps of eight members, about a quarter of an hour.
soak: .venv/.ready-development
	.venv/bin/python -m tests.soak

# Fast suite under other versions of PyTorch, NumPy, Gymnasium and pandas; several GB each. By hand.
test-versions: .venv/.ready-development
	.venv/bin/python -m tests.versions $(VERSIONS)

# Builds sdists and wheels, and uses the wheels outside of the repository.
wheels: .venv/.ready-development
	.venv/bin/python -m tests.wheels

# Builds the documentation into site/ and checks its links.
docs: .venv/.ready-development
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

setup: .venv/.ready

# Stamp files: set-up runs once, and again only when the requirements change.
.venv/.ready: pyproject.toml constraints.txt
	@echo "Set-up: installs PyTorch, Gymnasium and TensorBoard into .venv: 1 GB or more, for minutes."
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.ready-development: .venv/.ready
	@echo "Set-up: installs the extras, the tests' libraries and the compared agents: many minutes."
	$(PIP) --editable ".[all,dev,docs,peers]"
	touch $@

.venv/.ready-bench: .venv/.ready
	$(PIP) --editable ".[report,peers,peers-jax]"
	touch $@
