"""The reference DDPG agent in which the path that a gradient takes is a setting, and is checked."""
