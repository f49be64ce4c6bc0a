"""What was seen while one update ran: its backward passes, its optimizer steps, its writes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from ..contract import UpdateRow
from .inventory import Inventory
from .ledger import Change


@dataclass(eq=False)
class BackwardPass:
    """One backward pass (or `autograd.grad`). Keys are identities of entries.

    Attributes:
        reached: what its graph has a path to.
        delivered: the gradient that it delivered to each.
        terms: the same for each loss term that its graph holds: term → (reached, delivered).
        outdated: entry → the operation that saved a value which is no longer the entry's.
        calls: the forward calls that recorded operations of its graph.
        elsewhere: (value, gradient) of tensors of no named module that gradients were taken for.
        accumulates: it writes `.grad` (and is no `autograd.grad`).
        loose: one of its losses has no graph.
        raised: PyTorch refused it, part of the way.
    """

    row: UpdateRow
    reached: set[int] = field(default_factory=set)
    delivered: dict[int, Tensor] = field(default_factory=dict)
    terms: dict[str, tuple[set[int], dict[int, Tensor]]] = field(default_factory=dict)
    outdated: dict[int, str] = field(default_factory=dict)
    calls: "list[ForwardCall]" = field(default_factory=list)
    elsewhere: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    accumulates: bool = True
    loose: bool = False
    raised: bool = False


@dataclass(eq=False)
class OptimizerStep:
    """One optimizer step.

    Attributes:
        gradients: `.grad` of each held entry as the step found it (None left out).
        sources: the backward passes that this `.grad` came from, as far as they were seen.
        momentum: held entries whose optimizer state was not all zero before the step.
        decay: held entries in a group with weight decay.
        changes: what changed while it ran.
    """

    row: UpdateRow
    optimizer: str
    held: set[int] = field(default_factory=set)
    gradients: dict[int, Tensor] = field(default_factory=dict)
    sources: dict[int, list[BackwardPass]] = field(default_factory=dict)
    momentum: set[int] = field(default_factory=set)
    decay: set[int] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)


@dataclass(eq=False)
class Write:
    """A change outside every optimizer step; `call` is the forward call that made it, if any."""

    row: UpdateRow
    change: Change
    call: "ForwardCall | None" = None


@dataclass(eq=False)
class ForwardCall:
    """One forward call of a submodule, with its modes as they were inside.

    Attributes:
        label: the named module, and the submodule's name within it.
        needing_grad: how many of its own parameters required grad.
        own: how many parameters of its own it has.
        first, last: sequence numbers, [first, last), of the operations it recorded.
        depth: how many other module calls it ran inside.
        has_graph: something that it returned carries a graph (known only when explaining).
        line: the user's line that called it (only then).
        before: how many events came before it.
        rows: the updates it belongs to.
    """

    label: str
    training: bool
    grad_enabled: bool
    needing_grad: int
    own: int
    first: int
    depth: int
    before: int
    last: int = -1
    has_graph: bool = False
    line: str = ""
    rows: list[UpdateRow] = field(default_factory=list)

    @property
    def module(self) -> str:
        return self.label.partition(".")[0]


@dataclass(eq=False)
class UpdateRecord:
    """One run of one update."""

    update: str
    inventory: Inventory
    optimizers: dict[str, list[int]]
    events: list[BackwardPass | OptimizerStep | Write] = field(default_factory=list)
    calls: list[ForwardCall] = field(default_factory=list)
    start: dict[int, Tensor] = field(default_factory=dict)
    end: dict[int, Tensor] = field(default_factory=dict)
    gradients_before: dict[int, Tensor] = field(default_factory=dict)
    gradients_after: dict[int, Tensor] = field(default_factory=dict)
    required: dict[int, bool] = field(default_factory=dict)
    required_after: dict[int, bool] = field(default_factory=dict)
    after: Inventory | None = None
    optimizers_after: dict[str, list[int]] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def row(self) -> UpdateRow:
        """The whole update."""
        return UpdateRow(self.update)

    def part(self, name: str) -> UpdateRow:
        return UpdateRow(self.update, (name,))

    def call_at(self, number: int, module: str | None = None) -> ForwardCall | None:
        """The innermost call that recorded operation `number`; the outermost one of `module`."""
        within = [
            call
            for call in self.calls
            if call.first <= number and (call.last < 0 or number < call.last)
        ]
        if module is not None:
            return next((call for call in within if call.module == module), None)
        return within[-1] if within else None

    def changes(self) -> Iterator[Change]:
        """Everything that changed, in the order in which it was seen."""
        for event in self.events:
            if isinstance(event, OptimizerStep):
                yield from event.changes
            elif isinstance(event, Write):
                yield event.change

    def passes(self, row: UpdateRow | None = None) -> Iterator[BackwardPass]:
        return (e for e in self.events if isinstance(e, BackwardPass) and row in (None, e.row))

    def steps(self, row: UpdateRow | None = None) -> Iterator[OptimizerStep]:
        return (e for e in self.events if isinstance(e, OptimizerStep) and row in (None, e.row))

    def writes(self, row: UpdateRow | None = None) -> Iterator[Write]:
        return (e for e in self.events if isinstance(e, Write) and row in (None, e.row))
