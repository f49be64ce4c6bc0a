"""How fast the agent is: `python scripts/bench.py --peers --limit`. See `--help`."""

from ddpg.benchmark.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
