"""Other implementations of DDPG, each at the benchmark's work, a file each.

Each `train` takes the `Work` and goes on until the clock ends it.
"""
