"""Other implementations of DDPG with the same workload, one per file.

Each `train` takes the `Workload` and runs until the clock ends it.
"""
