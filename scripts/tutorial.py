"""The tutorial: `python scripts/tutorial.py`. See `--help`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.tutorial"))
