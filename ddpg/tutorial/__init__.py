"""Tutorial: gradient stops on two layers, then on the two networks of DDPG.

Everything is measured with the agent's own stops (`ddpg.stops`) and the audit (`ddpg.isolation`).
"""
