"""Measure the agent's speed: `python scripts/bench.py --peers --limit`. See `--help`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("benchmarks.command_line"))
