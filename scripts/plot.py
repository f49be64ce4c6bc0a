"""Draw runs: `python scripts/plot.py runs/A runs/B --output curves.png`. See `--help`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.plot"))
