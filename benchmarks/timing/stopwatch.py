"""Stopwatch that adds up the time of methods by part, and the two clocks of this process."""

import time
from collections import defaultdict
from functools import wraps
from typing import Any


class Stopwatch:
    """Seconds by part. A call of another part's method counts for that part.

    Args:
        rest: name of the part for everything that is not wrapped.
        inclusive: parts that include the other parts that they call.
    """

    def __init__(self, rest: str, inclusive: frozenset[str] = frozenset()):
        self.seconds: dict[str, float] = defaultdict(float)
        self._inclusive = inclusive
        self._running = [rest]
        self._since = time.perf_counter()

    def wrap(self, owner: Any, method: str, part: str) -> None:
        """Count the time of `owner.method` for `part` from now on."""
        function = getattr(owner, method)

        @wraps(function)
        def timed(*arguments: Any, **keywords: Any) -> Any:
            outer = self._running[-1]
            self._count()
            self._running.append(outer if outer in self._inclusive else part)
            try:
                return function(*arguments, **keywords)
            finally:
                self._count()
                self._running.pop()

        setattr(owner, method, timed)

    def start(self) -> None:
        """Start to count."""
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Count the time up to now for the running part."""
        self._count()

    def _count(self) -> None:
        now = time.perf_counter()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now


def read_clocks() -> dict[str, float]:
    """Return the seconds of the wall clock and of this process's processor time, by name."""
    return {"wall": time.perf_counter(), "processor": time.process_time()}
