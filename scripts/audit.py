"""Audit `runs/NAME` or `module:factory`: which update reached, wrote and moved which module."""

from ddpg.isolation.command_line import main
from ddpg.run_audit import SUBJECTS, subject

if __name__ == "__main__":
    raise SystemExit(main(subject, SUBJECTS))
