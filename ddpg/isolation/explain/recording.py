"""Paths of updates that cannot run again: stacks are recorded while the graphs are built.

A stack is recorded where a named module or one of its parts is called and, on request, where an
operation uses a parameter that is declared without a module. docs/audit.md has the costs.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from ..contract import Contract
from ..observe.autograd import leave_mode, recorded_at, sequence_number
from ..observe.records import NO_STACK, BackwardPass, ForwardCall, Stack, UpdateRecord
from ..observe.watcher import Watcher
from ..results import Finding, Route
from .finder import PassPaths, PathFinder, has_path
from .sources import Frame, current_stack, frames_of, users_line

_MISSING = "no path was recorded while the update ran; `audit` searches for it"


class PathRecorder(PathFinder):
    """Explainer of a `Watcher` and context manager that records paths; enter it after the watcher.

    Args:
        watcher: watches the updates.
        uses: also record the uses of parameters without a module.
        everything: find paths to all modules, and not only to those that an update may not train.
    """

    def __init__(self, watcher: Watcher, uses: bool, everything: bool = False) -> None:
        super().__init__(watcher, set())
        watcher.explainer = self
        self._uses = _ParameterUses(watcher)
        self._everything = everything
        self._known: dict[object, PassPaths] = {}
        self._records_uses = uses and self._uses.has_parameters

    def __enter__(self) -> Self:
        if self._records_uses:
            self._uses.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._records_uses:
            leave_mode(self._uses)

    def explained(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return the findings with their paths, or with the reason why a path is missing."""
        self.foreign = {(each.row, each.module) for each in findings if each.kind == "membership"}
        explained: list[Finding] = []
        for each in findings:
            path = self.path_of(each)
            missing = path is None and has_path(each)
            explained.append(replace(each, path=path, no_path=_MISSING if missing else ""))
        return explained

    def routes(self) -> dict[tuple[str, str], list[Route]]:
        """Return (update, module) → the paths from different lines of losses."""
        routes: dict[tuple[str, str], dict[str, Route]] = {}
        for each in self.passes:
            if each.term is not None:
                continue
            line = str(users_line(frames_of(each.stack)))
            rows = {str(row) for row in (each.backward.row, *each.backward.row.single_parts())}
            for module, path in each.modules.items():
                for row in rows:
                    route = Route(line, path.steps, str(path.entry))
                    routes.setdefault((row, module), {}).setdefault(line, route)
        return {key: list(found.values()) for key, found in routes.items()}

    def walked(
        self,
        record: UpdateRecord,
        backward: BackwardPass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Store the paths of the pass; a pass from the same place to the same leaves has them."""
        stack = current_stack()
        kind = (record.update, stack, frozenset(leaves.values()))
        known = self._known.get(kind)
        if known is None or backward.terms:
            first = len(self.passes)
            super().walked(record, backward, outputs, nodes, leaves)
            self.passes[first].stack = stack
            self._known[kind] = self.passes[first]
        else:
            self.passes.append(replace(known, backward=backward))

    def wants(self, record: UpdateRecord, module: str) -> bool:
        """Return True if the update, or a part of it, may not train the module."""
        if self._everything:
            return True
        permission = self.contract.updates[record.update]
        parts = tuple(permission.split.values()) or (permission,)
        return not all(each.may_train(module) for each in parts)

    def frames(self, record: UpdateRecord, node: Node) -> list[Frame]:
        """Return the stack of the call or use of a parameter that recorded the operation."""
        number = recorded_at(node)
        stack = self._uses.stack_at(number)
        call = record.call_at(number)
        if stack == NO_STACK and call is not None:
            stack = call.stack
        return frames_of(stack)

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:
        """Store the call with its stack."""
        call.stack = current_stack()
        super().called(record, call, output)


def routes_of(
    contract: Contract, run: Callable[[Watcher], None]
) -> dict[tuple[str, str], list[Route]]:
    """Return the routes of updates that run once more, as a dry run; empty if that raises."""
    watcher = Watcher(contract, dry_run=True)
    recorder = PathRecorder(watcher, uses=True, everything=True)
    try:
        with watcher, recorder:
            run(watcher)
    except Exception:  # of the user's code: the verdict is worth more than its picture
        return {}
    return recorder.routes()


@dataclass(eq=False)
class _Uses:
    """Operations of one update that use a parameter: first number, end and stack of each."""

    firsts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)


class _ParameterUses(TorchFunctionMode):
    """Mode that records the stacks of operations on parameters without a module."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher
        modules = watcher.setup_inventory.modules
        self._names = [name for name, each in modules.items() if not isinstance(each, nn.Module)]
        self._record: UpdateRecord | None = None
        self._tensors: set[int] = set()
        self._uses = _Uses()

    @property
    def has_parameters(self) -> bool:
        return bool(self._names)

    def stack_at(self, number: int) -> Stack:
        """Return the stack of the use with this sequence number; empty if there is none."""
        index = bisect_right(self._uses.firsts, number) - 1
        if index < 0 or number >= self._uses.ends[index]:
            return NO_STACK
        return self._uses.stacks[index]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = sequence_number()
        result = func(*args, **(kwargs or {}))
        record = self._watcher.record
        if record is None:
            return result
        if record is not self._record:
            self._begin(record)
        if sequence_number() > first and self._is_used(args):
            self._uses.firsts.append(first)
            self._uses.ends.append(sequence_number())
            self._uses.stacks.append(current_stack())
        return result

    def _begin(self, record: UpdateRecord) -> None:
        self._record, self._uses = record, _Uses()
        entries = (e for name in self._names for e in record.inventory.by_owner[name])
        self._tensors = {id(entry.tensor) for entry in entries}

    def _is_used(self, arguments: Iterable[Any]) -> bool:
        for each in arguments:
            if isinstance(each, Tensor):
                if id(each) in self._tensors:
                    return True
            elif isinstance(each, list | tuple) and self._is_used(each):
                return True
        return False
