"""Common claims about gradient stops, each with a measurement that checks it."""
