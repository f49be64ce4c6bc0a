"""How fast the agent is: `python scripts/bench.py --peers --limit`. See `--help`."""

from ddpg.training.interrupt import ends_at_once

if __name__ == "__main__":
    with ends_at_once():
        # Here, since PyTorch takes seconds to load.
        from benchmarks.command_line import main
    raise SystemExit(main())
