"""Audit `module:factory`: which update reached, wrote and moved which module."""

from ddpg.isolation.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
