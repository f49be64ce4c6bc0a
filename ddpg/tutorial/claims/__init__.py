"""What is said of gradient stops, each claim with a measurement that says whether it is so."""
