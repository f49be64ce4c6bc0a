"""Signals that end a command: one sentence, and the exit status that a shell reports."""

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ddpg.environments.signals import END_SIGNALS

_LONGEST_END = 1.0
"""Seconds that a command may take to clean up after a signal."""
_IMPORT_SYSTEM = "importlib._bootstrap"
"""Module whose frames are on the stack during an import."""
_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)


class SignalEnding:
    """Handler of the signals that end a command.

    The first signal raises KeyboardInterrupt, so that files and processes are cleaned up. A command
    that still runs one second later is ended. During an import the process ends at once, since
    extension modules turn an exception into tracebacks.

    Args:
        program: name of the command in its sentence.
    """

    def __init__(self, program: str):
        self.signal: int | None = None
        """Number of the signal that came, or None."""
        self._sentence = f"{program}: interrupted\n"
        self._process = os.getpid()
        self._ended = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; see `signal.signal`."""
        if os.getpid() != self._process:
            # A forked process; its parent prints the sentence.
            os._exit(128 + number)
        if self.signal is not None:
            return
        self.signal = number
        if _is_importing(frame):
            self._end_now()
        # Without the locks of `threading`, which the interrupted code may hold.
        _thread.start_new_thread(self._end_later, ())
        raise KeyboardInterrupt

    def finish(self) -> None:
        """Let the process live on: the command has ended."""
        self._ended = True

    def ignore_in_destructors(self, unraisable: Any) -> None:
        """Print nothing for a KeyboardInterrupt in a destructor; see `sys.unraisablehook`."""
        if self.signal is None or not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)

    def _end_later(self) -> None:
        time.sleep(_LONGEST_END)
        if not self._ended:
            self._end_now()

    def _end_now(self) -> None:
        assert self.signal is not None
        # A progress bar hides the cursor of its terminal.
        show_cursor = "\n\x1b[?25h" if os.isatty(2) else ""
        # Not through sys.stderr, whose lock the interrupted code may hold.
        with suppress(OSError):
            os.write(2, (show_cursor + self._sentence).encode("ascii", "backslashreplace"))
        os._exit(128 + self.signal)


_ending: SignalEnding | None = None
"""Handler of the command that runs."""


@contextmanager
def ends_by_signal(program: str) -> Iterator[SignalEnding]:
    """Context manager: signals end the command `program`; see `SignalEnding`.

    A signal that is ignored, or that the caller handles, keeps its handler. After a signal the
    others are ignored, since the process is about to exit and `timeout` sends two.
    """
    global _ending
    ending = SignalEnding(program)
    previous = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in END_SIGNALS}
        previous = {number: each for number, each in handlers.items() if each in _DEFAULTS}
    hook, sys.unraisablehook = sys.unraisablehook, ending.ignore_in_destructors
    before, _ending = _ending, ending
    for number in previous:
        signal.signal(number, ending.handle)
    try:
        yield ending
    finally:
        ending.finish()
        _ending, sys.unraisablehook = before, hook
        for number, handler in previous.items():
            signal.signal(number, handler if ending.signal is None else signal.SIG_IGN)


def signal_behind(error: BaseException) -> int | None:
    """Return the number of the signal that caused `error`, or None.

    A library may raise another exception in place of KeyboardInterrupt.
    """
    if _ending is not None and _ending.signal is not None:
        return _ending.signal
    return signal.SIGINT if isinstance(error, KeyboardInterrupt) else None


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") == _IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False
