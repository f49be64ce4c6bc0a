"""Compare stops: `python scripts/compare.py --stops none,detach,no_grad`. See `--help`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.compare"))
