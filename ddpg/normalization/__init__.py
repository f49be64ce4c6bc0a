"""Running statistics of observations and returns, and an agent that scales with them."""
