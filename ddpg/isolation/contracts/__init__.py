"""Ready contracts for other libraries' agents. Nothing here imports those libraries."""
