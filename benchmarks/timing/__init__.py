"""Clocks, child processes, and the description of the machine."""
