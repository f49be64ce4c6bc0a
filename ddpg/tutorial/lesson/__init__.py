"""Chapters of the lesson, one module per chapter or pair of chapters."""
