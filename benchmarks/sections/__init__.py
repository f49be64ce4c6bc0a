"""Benchmarks of `scripts/bench.py`, one per file."""
