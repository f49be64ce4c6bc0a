"""Report of a folder of runs: a page, its figures, tables of its numbers, TensorBoard runs."""
