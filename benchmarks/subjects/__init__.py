"""Everything that can be timed: this agent, its peers, and the limit of the machine."""
