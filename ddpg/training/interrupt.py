"""Ctrl-C, SIGTERM and SIGHUP, handled at the end of a step instead of during an update."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Self

from ddpg.environments.signals import END_SIGNALS

_SAME_REQUEST = 1.0
"""Seconds in which a second signal is the same request: `timeout` sends its signal twice."""


class InterruptFlag:
    """Context manager: the first signal sets a flag, a later one acts as usual.

    A signal that the process ignores stays ignored, as after `nohup`. Only the main thread can
    handle signals. In another thread it does nothing.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        """Number of the signal that came, or None."""
        self._came_at = 0.0
        handlers = {number: signal.getsignal(number) for number in END_SIGNALS}
        # None is a handler that was not set from Python, and cannot be set again.
        self._previous = {
            number: handler
            for number, handler in handlers.items()
            if handler not in (signal.SIG_IGN, None)
        }

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._previous:
                signal.signal(number, self._set)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _set(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._came_at = number, time.monotonic()
        elif time.monotonic() - self._came_at > _SAME_REQUEST:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._previous.items():
                signal.signal(number, handler)
