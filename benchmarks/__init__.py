"""How fast the agent is: beside its peers, and beside what the machine can do (`bench.py`)."""
