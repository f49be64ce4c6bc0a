"""Where time goes: methods of objects wrapped so that their time counts for a part."""

import time
from collections import defaultdict
from functools import wraps
from typing import Any


class Stopwatch:
    """Adds up the seconds of each part; what a part calls of another part counts for that one.

    Args:
        rest: the part of everything that is not wrapped.
        whole: parts that keep what they call for themselves.
    """

    def __init__(self, rest: str, whole: frozenset[str] = frozenset()):
        self.seconds: dict[str, float] = defaultdict(float)
        self._whole = whole
        self._parts = [rest]
        self._since = time.perf_counter()

    def wrap(self, owner: Any, method: str, part: str) -> None:
        """Count the time of `owner.method` for `part` from now on."""
        function = getattr(owner, method)

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            outer = self._parts[-1]
            self._turn()
            self._parts.append(outer if outer in self._whole else part)
            try:
                return function(*arguments, **named)
            finally:
                self._turn()
                self._parts.pop()

        setattr(owner, method, timed)

    def start(self) -> None:
        """Count from now on."""
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Count up to now, for the part that runs."""
        self._turn()

    def _turn(self) -> None:
        now = time.perf_counter()
        self.seconds[self._parts[-1]] += now - self._since
        self._since = now
