"""Records of updates: backward passes, optimizer steps, writes and forward calls."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

from torch import Tensor

from ..contract import UpdateRow
from .inventory import Inventory
from .ledger import Change

Stack = tuple[tuple[CodeType, ...], tuple[int, ...]]
"""Code and instruction of each frame, the innermost first."""
NO_STACK: Stack = ((), ())


@dataclass(eq=False)
class ForwardCall:
    """Forward call of a named module or of a submodule, with the modes during the call.

    Attributes:
        module: name of the module in the contract.
        submodule: name of the submodule within it; empty for the module itself.
        needing_grad: number of its own parameters that required grad.
        own: number of its own parameters.
        first, last: sequence numbers [first, last) of the operations that it recorded.
        depth: number of module calls around it.
        before: number of events before it.
        has_graph: its output has a graph. Only set if there is an explainer.
        stack: frames around it. Only set if there is an explainer.
        rows: rows that it belongs to.
    """

    module: str
    submodule: str
    training: bool
    grad_enabled: bool
    needing_grad: int
    own: int
    first: int
    depth: int
    before: int
    last: int = -1
    has_graph: bool = False
    stack: Stack = NO_STACK
    rows: list[UpdateRow] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.module}.{self.submodule}" if self.submodule else self.module


@dataclass(eq=False)
class BackwardPass:
    """One backward pass, or one call of `autograd.grad`. Keys are identities of entries.

    Attributes:
        reached: entries that its graph has a path to.
        delivered: entry → gradient.
        terms: loss term in its graph → (reached, delivered) of the term.
        outdated: entry → operation that saved a value which the entry no longer has.
        calls: forward calls that recorded operations of its graph.
        elsewhere: (value, gradient) of tensors outside of all named modules.
        accumulates: it adds to `.grad`; False for `autograd.grad`.
        raised: PyTorch raised an error in it.
        folded_into: an earlier pass of the same kind, which represents it.
    """

    row: UpdateRow
    reached: set[int] = field(default_factory=set)
    delivered: dict[int, Tensor] = field(default_factory=dict)
    terms: dict[str, tuple[set[int], dict[int, Tensor]]] = field(default_factory=dict)
    outdated: dict[int, str] = field(default_factory=dict)
    calls: list[ForwardCall] = field(default_factory=list)
    elsewhere: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    accumulates: bool = True
    raised: bool = False
    folded_into: "BackwardPass | None" = None

    @property
    def representative(self) -> "BackwardPass":
        """The pass of the record that represents this one."""
        return self.folded_into or self


@dataclass(eq=False)
class OptimizerStep:
    """One optimizer step.

    Attributes:
        optimizer: its name.
        held: entries that the optimizer holds.
        gradients: held entry → `.grad` before the step, unless that is None.
        sources: held entry → backward passes that this `.grad` comes from, if they were watched.
        momentum: held entries with non-zero optimizer state before the step.
        decay: held entries with weight decay.
        changes: during the step.
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
    """A change outside of every optimizer step; `call` is the forward call that made it, if any."""

    row: UpdateRow
    change: Change
    call: ForwardCall | None = None


@dataclass(eq=False)
class UpdateRecord:
    """One run of one update. Keys are identities of entries; `_after` is at the end of the run.

    Attributes:
        inventory, after: tensors of the modules at the start and at the end.
        optimizers, optimizers_after: optimizer → identities of the tensors that it holds.
        delegates: optimizer → an earlier one that it is one with, as a wrapper and its optimizer.
        start, end: entry → value.
        required, required_after: entry → `requires_grad`.
        stored: name under `keeps` → number of a faulty tensor → fault.
        error: that the update raised.
    """

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
    stored: dict[str, dict[int, str]] = field(default_factory=dict)
    delegates: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def row(self) -> UpdateRow:
        """The update as a whole."""
        return UpdateRow(self.update)

    def keeps_its_tensors(self) -> bool:
        """Return True if every module has the same tensors, in the same roles, as at the start."""
        return self.after is not None and self.after.signature() == self.inventory.signature()

    def part(self, name: str) -> UpdateRow:
        """Return a part of the update, if it is split."""
        return UpdateRow(self.update, (name,))

    def call_at(self, number: int, module: str | None = None) -> ForwardCall | None:
        """Return the innermost call that recorded the operation with this sequence number.

        With `module`, return the outermost such call of that module.
        """
        around = [
            call
            for call in self.calls
            if call.first <= number and (call.last < 0 or number < call.last)
        ]
        if module is not None:
            return next((call for call in around if call.module == module), None)
        return around[-1] if around else None

    def changes(self) -> Iterator[Change]:
        """Yield all changes in order of time."""
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
