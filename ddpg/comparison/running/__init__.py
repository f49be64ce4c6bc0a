"""Training of a plan's runs, on the cores of this machine or on a Ray cluster."""
