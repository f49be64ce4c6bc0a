"""Audit a run or an agent of your own: `python scripts/audit.py runs/NAME`. See `--help`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.audit"))
