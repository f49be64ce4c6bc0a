"""Paths from losses to modules, found in the graphs of backward passes before they run."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from torch.autograd.graph import Node

from ..contract import UpdateRow
from ..observe.autograd import walk
from ..observe.records import NO_STACK, BackwardPass, ForwardCall, Stack, UpdateRecord
from ..observe.watcher import Watcher
from ..results import UNASKED, Finding, Path, PathStep
from .advice import ModulePath, stop_for, stop_for_value
from .cuts import Cut, tensors_in
from .entries import changed_path, entry_line, reached_modules, steps_to
from .sources import Frame, UserLine, line_of


@dataclass
class PassPaths:
    """Paths in the graph of a backward pass, or in the part of it below one loss term.

    Attributes:
        backward: the pass.
        term: name of the loss term; None: the whole pass.
        first: path to the first parameter of any module.
        modules: module → path to it, for the modules with findings.
        changed: path to an operation whose saved value was changed in place, and its line.
        stack: of the code that started the pass, if it was recorded.
    """

    backward: BackwardPass
    term: str | None = None
    first: tuple[PathStep, ...] = ()
    modules: dict[str, ModulePath] = field(default_factory=dict)
    changed: tuple[tuple[PathStep, ...], UserLine] = ((), UserLine())
    stack: Stack = NO_STACK


class PathFinder(ABC):
    """Explainer of a `Watcher` that stores paths to modules.

    Args:
        watcher: watches the updates.
        foreign: (row, module) of findings about what an optimizer holds.
    """

    def __init__(self, watcher: Watcher, foreign: set[tuple[UpdateRow, str]]) -> None:
        self.watcher = watcher
        self.contract = watcher.contract
        self.foreign = foreign
        self.passes: list[PassPaths] = []
        self.cuts: dict[str, list[Cut]] = {}
        self.calls: dict[str, list[ForwardCall]] = {}

    @abstractmethod
    def wants(self, record: UpdateRecord, module: str) -> bool:
        """Return True if the paths to this module are needed."""

    @abstractmethod
    def frames(self, record: UpdateRecord, node: Node) -> list[Frame]:
        """Return the stack that recorded an operation."""

    def walked(
        self,
        record: UpdateRecord,
        backward: BackwardPass,
        outputs: Sequence[object],  # noqa: ARG002  part of the protocol
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Store the paths of the pass and of each of its terms."""
        changed = changed_path(record, nodes, partial(self.frames, record))
        self._add_pass(PassPaths(backward, changed=changed), record, nodes, leaves)
        for name in backward.terms:
            inside = (each.node for each in self.watcher.terms[name])
            below = walk([node for node in inside if node is not None and node in nodes])
            leaves_below = {node: key for node, key in leaves.items() if node in below}
            self._add_pass(PassPaths(backward, name), record, below, leaves_below)

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:
        """Store the call, and whether its output has a graph."""
        call.has_graph = any(each.grad_fn is not None for each in tensors_in((output,)))
        self.calls.setdefault(record.update, []).append(call)

    def path_of(self, finding: Finding) -> Path | None:
        """Return the path of a finding about gradients, else None."""
        if not has_path(finding):
            return None
        if finding.verdict == "starved":
            return self._starved_path(finding)
        for each in self.passes:
            rows = (each.backward.row, *each.backward.row.single_parts())
            if each.term != finding.loss or finding.row not in rows:
                continue
            path = each.modules.get(finding.module)
            steps, line = each.changed
            if finding.kind == "order" and steps and (path is None or not finding.tensors):
                return Path(steps, str(line), stop_for_value(finding))
            if path is not None:
                return Path(path.steps, str(path.entry), self._stop(finding, path))
        return None

    def _add_pass(
        self,
        paths: PassPaths,
        record: UpdateRecord,
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        self.passes.append(paths)
        frames = partial(self.frames, record)
        for node, key in leaves.items():
            entry = record.inventory.entries[key]
            if not paths.first:
                paths.first = steps_to(record, node, nodes, entry, frames)
            for owner in entry.owners:
                if owner not in paths.modules and self.wants(record, owner):
                    paths.modules[owner] = ModulePath(
                        steps_to(record, node, nodes, entry, frames),
                        entry_line(record, node, nodes, owner, frames),
                        *reached_modules(record, nodes, leaves, owner, paths.backward.calls),
                    )

    def _stop(self, finding: Finding, path: ModulePath) -> str:
        """Return where a stop could be, and which."""
        twins = self._undeclared_twins(finding.module)
        if twins:
            return (
                f"{finding.module} shares storage with {twins[0]}: make it a copy (copy.deepcopy)"
            )
        if (finding.row, finding.module) in self.foreign:
            return (
                f"leave {finding.module}'s parameters out of the optimizer that applied the "
                "gradient"
            )
        return stop_for(finding, self.contract.permission(finding.row), path)

    def _undeclared_twins(self, module: str) -> list[str]:
        """Return the modules that share a tensor with `module` without `shared`."""
        owners = [entry.owners for entry in self.watcher.setup_inventory.by_owner[module]]
        return sorted({each for names in owners for each in names} - {module})

    def _starved_path(self, finding: Finding) -> Path:
        """Return a path from the loss to the line where it ends."""
        update, module = finding.row.update, finding.module
        for each in self.passes:
            path = each.modules.get(module)
            if UNASKED in finding.message and path and each.backward.row.update == update:
                stop = f"no gradient of {module} was asked for: name its parameters in inputs="
                return Path(path.steps, str(path.entry), stop)
        firsts = (
            each.first
            for each in self.passes
            if each.term == finding.loss and each.first and _is_of(each.backward.row, finding.row)
        )
        steps = next(firsts, (PathStep("loss"),))
        entry, stop = self._ending(update, module)
        end = PathStep("(the path ends)", module, entry)
        return Path((*(steps[:-1] or steps), end), entry, stop)

    def _ending(self, update: str, module: str) -> tuple[str, str]:
        """Return the line where the path to `module` ends, and the reason."""
        calls = [call for call in self.calls.get(update, []) if call.module == module]
        outer = [call for call in calls if call.label == module] or calls
        cuts = [cut for cut in self.cuts.get(update, []) if module in cut.reaches]
        cut = max(reversed(cuts), key=lambda each: each.rank, default=None)
        if cut is not None and cut.rank:
            return cut.line, f"the path ends here: {cut.operation} drops the graph"
        if not outer:
            return "", f"{module} was not called (as a module) in this update"
        if not any(call.grad_enabled for call in outer):
            return line_of(outer[0]), f"{module} ran here under no_grad or inference_mode"
        if not any(call.needing_grad for call in calls if call.own):
            return line_of(outer[0]), f"{module} was frozen here: no parameter required grad"
        if cut is not None:
            return cut.line, f"the path ends here: {cut.operation} drops the graph"
        with_graph = [call for call in outer if call.grad_enabled and call.has_graph]
        line = line_of((with_graph or outer)[0])
        return line, f"no differentiated loss uses the output of {module} here"


def _is_of(row: UpdateRow, wanted: UpdateRow) -> bool:
    """Return True if a pass of `row` belongs to the row of a finding."""
    if not wanted.parts:
        return row.update == wanted.update
    return wanted == row or not {*wanted.parts}.isdisjoint(row.parts)


def has_path(finding: Finding) -> bool:
    """Return True for findings about gradients and about values that a graph needs."""
    if finding.verdict == "starved":
        return finding.kind in ("reached", "written")
    kinds = ("written", "moved") if finding.verdict == "leaked" else ("order",)
    return finding.kind in kinds


def without_paths(findings: Sequence[Finding], reason: str) -> list[Finding]:
    """Return the findings with the reason why they have no path, if such findings have one."""
    return [replace(each, no_path=reason) if has_path(each) else each for each in findings]
