"""Benchmarks behind `scripts/bench.py`, for a clone of the repository; they are not installed.

`command_line` runs the `sections` (speed, profile, …). A section starts `subjects` (this agent, the
peers, the limit) in processes of their own (`child`), measures them with `timing`, and returns
tables, which `report` prints and puts into a document.
"""
