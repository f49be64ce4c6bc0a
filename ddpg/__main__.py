"""The command `ddpg` as `python -m ddpg`."""

from ddpg.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
