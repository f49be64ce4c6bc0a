"""Train DDPG: `python scripts/train.py --stop detach`. See `--help` for every setting."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.train"))
