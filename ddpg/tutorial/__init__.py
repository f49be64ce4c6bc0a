"""The tutorial: two layers under every stop, then the two networks of DDPG.

It measures with the stops that the agent uses and with the audit, and has no second version of
either.
"""
