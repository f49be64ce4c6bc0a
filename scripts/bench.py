"""How fast the agent is: `python scripts/bench.py --peers --limit`. See `--help`."""

from ddpg.interrupt import ends_at_once

if __name__ == "__main__":
    with ends_at_once():
        # Here, since PyTorch takes seconds to load.
        from ddpg.benchmark.command_line import main
    raise SystemExit(main())
