"""Random places for the runs that a periodic audit watches."""

from random import Random


class WindowSampler:
    """Selects the first run and one run at a random place of each window.

    A fixed period would miss a leak whose period divides it, in every window. The places depend on
    `stream` alone and are drawn from a generator of their own.

    Args:
        every: runs per window, 1 or more.
        stream: name of the random stream.
    """

    def __init__(self, every: int, stream: str) -> None:
        self._every, self._stream = every, stream
        self._window, self._place = -1, 0

    def selects(self, run: int) -> bool:
        """Return whether run number `run`, counted from 0, is selected."""
        window, place = divmod(run, self._every)
        if window != self._window:
            # The seed is the window, so a resumed training selects the same runs.
            self._window = window
            self._place = Random(f"{self._stream}/{window}").randrange(self._every)
        return place == self._place or run == 0
