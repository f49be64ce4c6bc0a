"""The tutorial: `python scripts/tutorial.py`. See `--help`."""

from ddpg.tutorial.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
