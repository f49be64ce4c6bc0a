"""The command `gradient-isolation` as `python -m gradient_isolation`."""

from .command import main

if __name__ == "__main__":
    raise SystemExit(main())
