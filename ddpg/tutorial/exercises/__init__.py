"""Five short files with one silent gradient bug each, and their solutions."""
