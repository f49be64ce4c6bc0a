"""The tutorial: `python scripts/tutorial.py`. See `--help`."""

from ddpg.cli.tutorial import main

if __name__ == "__main__":
    raise SystemExit(main())
