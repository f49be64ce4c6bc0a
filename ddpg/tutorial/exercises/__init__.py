"""Five short agents with one silent gradient bug each, their checker and their solutions."""
