"""Signals that end a program: Ctrl-C, the request of a supervisor, the end of the terminal."""

import signal

# Windows has no SIGHUP.
END_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
