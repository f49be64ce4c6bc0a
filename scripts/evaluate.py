"""Score a run: `python scripts/evaluate.py runs/NAME --episodes 100`. See `--help`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.evaluate"))
