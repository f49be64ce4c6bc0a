"""Measure the agent's speed: `python scripts/bench.py --peers --limit`. See `--help`."""

import sys
from pathlib import Path

# `benchmarks` is part of the repository, not of the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("benchmarks.command_line", name="bench"))
