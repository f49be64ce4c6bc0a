"""The comparison: every stop, many seeds, one command, one report."""
