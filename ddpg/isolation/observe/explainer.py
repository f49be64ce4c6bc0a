"""What may look over a watcher's shoulder."""

from collections.abc import Sequence
from typing import Protocol

from torch.autograd.graph import Node

from ddpg.isolation.observe.records import Call, Pass


class Explainer(Protocol):
    """Is shown what a `Watcher` sees, while it is still there."""

    def walked(
        self,
        seen: Pass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """The graph of a backward pass (node → the node it was met from), before it runs."""

    def called(self, call: Call, output: object) -> None:
        """A forward call of a named module, with what it returned."""
