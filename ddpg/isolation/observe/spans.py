"""Forward calls that are searched by the operations which they recorded."""

from bisect import bisect_right
from collections.abc import Iterable

from .records import ForwardCall


class Spans:
    """Outermost forward calls per module, searched by autograd sequence number."""

    def __init__(self, calls: Iterable[ForwardCall]) -> None:
        self._calls: dict[str, list[ForwardCall]] = {}
        for call in calls:
            known = self._calls.setdefault(call.module, [])
            if known and (known[-1].last < 0 or call.first < known[-1].last):
                continue  # within the call before it
            known.append(call)
        self._firsts = {name: [call.first for call in calls] for name, calls in self._calls.items()}

    def call_at(self, module: str, number: int) -> ForwardCall | None:
        """Return the call of a module that recorded the operation with this sequence number."""
        index = bisect_right(self._firsts.get(module, ()), number) - 1
        if number < 0 or index < 0:
            return None
        call = self._calls[module][index]
        return call if call.last < 0 or number < call.last else None
