"""Audit `runs/NAME` or `module:factory`: which update reached, wrote and moved which module."""

from ddpg.cli.audit import main
from ddpg.evaluation.audit import SUBJECTS, subject

if __name__ == "__main__":
    raise SystemExit(main(subject, SUBJECTS))
