"""Stops compared: a plan's tasks run (plan, runner), and what they show (reading, report)."""
