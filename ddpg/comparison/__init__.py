"""The comparison: many runs read back, their statistics, and one report of them all."""
