"""Ctrl-C, taken at the end of a step instead of in the middle of an update."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class InterruptFlag:
    """While its block runs, the first Ctrl-C sets `raised`; the second one interrupts as usual.

    Only the main thread can take signals; in another one nothing changes.
    """

    def __init__(self) -> None:
        self.raised = False
        self._previous = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._put_back()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.raised = True
        self._put_back()

    def _put_back(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._previous)
