"""Comparison of stops: a plan of runs, their training (`running`) and their report (`report`)."""
