"""Ready contracts for agents of other libraries. Importing them imports no library."""
