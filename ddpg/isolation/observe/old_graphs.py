"""Graphs from before a dry run, which the caller still holds."""

from collections.abc import Mapping

from torch.autograd.graph import Node

from .autograd import saved_tensors, sequence_number

_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad()."
)
"""PyTorch's error for a graph that an earlier backward pass freed."""


class OldGraphs:
    """Graphs from before: backward passes of the dry run must not free them.

    A pass that would free such a graph retains it, and a second pass over the same graph raises
    the error that PyTorch would have raised.
    """

    def __init__(self) -> None:
        self._first = sequence_number()
        self._freed: set[Node] = set()

    def retain(self, numbers: Mapping[Node, int], frees: bool) -> bool:
        """Return True if a pass has to retain its graph, because a part of it is from before.

        Args:
            numbers: node → sequence number.
            frees: the pass would free its graph.

        Raises:
            RuntimeError: an earlier pass would have freed the graph.
        """
        old = {node for node, number in numbers.items() if 0 <= number < self._first}
        if any(next(saved_tensors(node), None) is not None for node in old & self._freed):
            raise RuntimeError(_FREED)
        if not frees or not old:
            return False
        self._freed |= old
        # Compiled functions reuse saved tensors as memory, and refuse to retain a graph.
        return not any("CompiledFunction" in node.name() for node in old)
