"""Ctrl-C and SIGTERM, handled at the end of a step instead of during an update."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Context manager: Ctrl-C exits silently, since nothing needs saving yet.

    C extensions that are still loading turn KeyboardInterrupt into tracebacks.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.default_int_handler:
        # A process in the background ignores Ctrl-C, and a caller may handle it.
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


class InterruptFlag:
    """Context manager: the first signal sets a flag, the second one acts as usual.

    Only the main thread can handle signals. In another thread it does nothing.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        """Number of the signal that came, or None."""
        self._previous = {number: signal.getsignal(number) for number in _SIGNALS}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
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
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._previous.items():
                signal.signal(number, handler)
