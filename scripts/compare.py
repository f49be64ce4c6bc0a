"""Compare stops: `python scripts/compare.py --stops none,detach,no_grad`. See `--help`."""

from pathlib import Path

from ddpg.cli.compare import main

if __name__ == "__main__":
    raise SystemExit(main(Path(__file__).parent.parent / "configs" / "comparison.yaml"))
