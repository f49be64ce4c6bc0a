# Two commands do everything on a machine that has Python 3.11 or newer: make train, make test.
PYTHON ?= python3
ARGS ?= --stop detach
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: train test setup lint test-fast bench

train: .venv/.ready
	.venv/bin/python scripts/train.py $(ARGS)

test: .venv/.ready-development
	.venv/bin/python -m pytest

test-fast: .venv/.ready-development
	.venv/bin/python -m pytest -m "not slow"

lint: .venv/.ready-development
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright

# Everything in docs/performance.md, written into it; takes about an hour on an idle machine.
bench: .venv/.ready-bench
	.venv/bin/python scripts/bench.py --all --size both --json docs/performance.json --document docs/performance.md

setup: .venv/.ready

# The stamps make the set-up happen once, and again only when the requirements change.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.ready-development: .venv/.ready
	$(PIP) --editable ".[dev,peers,video,mujoco,box2d]"
	touch $@

.venv/.ready-bench: .venv/.ready
	$(PIP) --editable ".[peers,peers-jax]"
	touch $@
