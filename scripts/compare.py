"""Compare stops: `python scripts/compare.py --stops none,detach,no_grad`. See `--help`."""

from pathlib import Path

from ddpg.cli.command import start

if __name__ == "__main__":
    plan = Path(__file__).parent.parent / "configs" / "comparison.yaml"
    raise SystemExit(start("ddpg.cli.compare", plan))
