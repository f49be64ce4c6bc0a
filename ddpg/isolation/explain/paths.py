"""Where the path of a leak enters a module, and where that of a starved one ends.

The updates run once more, with anomaly mode on, which keeps the forward stack with every graph
node: so the user's own lines are there to be found.
"""

import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from ..contract import Contract, UpdateRow
from ..observe.autograd import recorded_at, root_of, users_of, walk, way, without
from ..observe.inventory import Entry
from ..observe.passes import entries_among
from ..observe.records import Call, Pass, Record
from ..observe.watcher import Watcher
from ..results import Finding, Path, PathStep
from .cuts import Cut, is_cut, likelihood, name_of, tensors_in
from .sources import Frame, current, parse, users_line


@dataclass
class Seen:
    """What one backward pass had in its graph."""

    passed: Pass
    loss: str | None = None
    paths: dict[str, list[PathStep]] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    behind: dict[str, list[str]] = field(default_factory=dict)
    around: dict[str, set[str]] = field(default_factory=dict)
    first: list[PathStep] = field(default_factory=list)


class Paths(TorchFunctionMode):
    """The explainer of a `Watcher`: paths to the modules with findings, and cuts of tensors."""

    def __init__(
        self, watcher: Watcher, wanted: set[tuple[str, str]], misheld: set[tuple[UpdateRow, str]]
    ) -> None:
        super().__init__()
        self.watcher = watcher
        self.contract = watcher.contract
        self.wanted = wanted
        self.misheld = misheld
        self.seen: list[Seen] = []
        self.cuts: dict[str, list[Cut]] = {}
        self.calls: dict[str, list[Call]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        record = self.watcher.record
        if record is not None:
            graphed = [each for each in tensors_in(args) if each.grad_fn is not None]
            if graphed and is_cut(func, result):
                self._cut(record, func, graphed)
        return result

    def walked(
        self,
        record: Record,
        seen: Pass,
        outputs: Sequence[object],  # noqa: ARG002  the drawer of graphs needs them
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        self._add(Seen(seen), record, nodes, leaves)
        for name in seen.terms:
            root = root_of(self.watcher.terms[name])
            below = walk([root] if root else [])
            within = {node: key for node, key in leaves.items() if node in below}
            self._add(Seen(seen, name), record, below, within)

    def _add(
        self,
        found: Seen,
        record: Record,
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        self.seen.append(found)
        entries = record.inventory.entries
        for node, key in leaves.items():
            for owner in entries[key].owners:
                if not found.first:
                    found.first = _steps(record, node, nodes, entries[key])
                if (record.update, owner) in self.wanted and owner not in found.paths:
                    found.paths[owner] = _steps(record, node, nodes, entries[key])
                    found.entries[owner] = _entry(record, node, nodes, owner)
                    found.behind[owner], found.around[owner] = _behind(record, nodes, leaves, owner)

    def called(self, record: Record, call: Call, output: object) -> None:
        call.line = users_line(current(), call.depth)
        call.has_graph = any(each.grad_fn is not None for each in tensors_in((output,)))
        self.calls.setdefault(record.update, []).append(call)

    def path_of(self, finding: Finding) -> Path | None:
        """The path of a finding, if it is one about gradients."""
        if finding.verdict == "starved" and finding.kind in ("reached", "written"):
            return self._end(finding.row.update, finding.module, finding.loss)
        if finding.verdict != "leaked" or finding.kind not in ("written", "moved", "order"):
            return None
        for seen in self.seen:
            rows = (seen.passed.row, *seen.passed.row.single_parts())
            if seen.loss == finding.loss and finding.row in rows and finding.module in seen.paths:
                return Path(
                    tuple(seen.paths[finding.module]),
                    seen.entries[finding.module],
                    self._stop(finding, seen),
                )
        return None

    def _cut(self, record: Record, func: Any, tensors: Sequence[Tensor]) -> None:
        reaches: set[str] = set()
        for tensor in tensors:
            root = root_of(tensor)
            below = entries_among(walk([root] if root else []), record.inventory)
            for key in below.values():
                reaches |= set(record.inventory.entries[key].owners)
        if reaches:
            name = name_of(func)
            cut = Cut(reaches, name, users_line(current()), likelihood(name))
            self.cuts.setdefault(record.update, []).append(cut)

    def _stop(self, finding: Finding, seen: Seen) -> str:
        module, place = finding.module, seen.entries[finding.module].partition(": ")[0]
        permission = self.contract.permission(finding.row)
        twins = self._twins(module)
        if twins:
            return f"{module} shares storage with {twins[0]}: make it a copy (copy.deepcopy)"
        if (finding.row, module) in self.misheld:
            return f"leave {module}'s parameters out of the optimizer that applied the gradient"
        if finding.loss:
            permission = permission.terms.get(finding.loss, permission)
        trained = [each for each in seen.behind[module] if permission.may_train(each)]
        if finding.loss and not trained:
            return (
                f"leave the term {finding.loss!r} out of the sum, or give it what {module} "
                f"returned at {place} detached: other terms need the graph"
            )
        if not trained:
            return f"detach what {module} returned at {place}, or compute it under torch.no_grad()"
        names = " and ".join(trained)
        left = (
            f"; clear {module}'s .grad before the next backward pass that its optimizer applies"
            if finding.kind == "moved"
            else f"; or say through={module!r} if this is meant"
        )
        whole = (
            f"freeze {module} (requires_grad_(False)) around {place}, or pass backward(inputs=...) "
            f"the parameters of {names} alone{left}"
        )
        if seen.around[module].issuperset(trained) and module not in permission.through:
            return (
                f"if {names} is not to learn through {module}, detach what it returned at {place}; "
                f"if it is, {whole}"
            )
        return f"no detach here: {names} gets its gradient through {module}; {whole}"

    def _twins(self, module: str) -> list[str]:
        """Modules that share a tensor with it without saying so."""
        owners = [entry.owners for entry in self.watcher.setup_inventory.by_owner[module]]
        return sorted({each for names in owners for each in names} - {module})

    def _end(self, update: str, module: str, loss: str | None) -> Path:
        steps = next(
            (
                seen.first
                for seen in self.seen
                if seen.passed.row.update == update and seen.loss == loss and seen.first
            ),
            [PathStep("loss")],
        )
        calls = [call for call in self.calls.get(update, []) if call.module == module]
        top = [call for call in calls if call.label == module] or calls
        cuts = [cut for cut in self.cuts.get(update, []) if module in cut.reaches]
        cut = max(reversed(cuts), key=lambda each: each.likely, default=None)
        live = [call for call in top if call.grad_enabled and call.has_graph]
        if cut is not None and cut.likely:
            entry, stop = cut.line, f"the path ends here: {cut.operation} gives a tensor no graph"
        elif not top:
            entry = ""
            stop = f"{module} was not called (as a module) in this update"
        elif not any(call.grad_enabled for call in top):
            entry, stop = top[0].line, f"{module} ran here under no_grad or inference_mode"
        elif not any(call.needing_grad for call in calls if call.own):
            entry, stop = top[0].line, f"{module} was frozen here: no parameter required grad"
        elif cut is not None:
            entry, stop = cut.line, f"the path ends here: {cut.operation} gives a tensor no graph"
        else:
            entry = (live or top)[0].line
            stop = f"what {module} returns here enters no loss that was differentiated"
        end = PathStep("(the path ends)", module, entry)
        return Path((*(steps[:-1] or steps), end), entry, stop)


def explained(
    contract: Contract, findings: Sequence[Finding], run: Callable[[Watcher], None]
) -> list[Finding]:
    """The findings with their paths; `run` runs the updates under the watcher it is given."""
    wanted = {(f.row.update, f.module) for f in findings}
    misheld = {(f.row, f.module) for f in findings if f.kind == "membership"}
    with _anomaly_mode():
        watcher = Watcher(contract, dry_run=True)
        watcher.explainer = paths = Paths(watcher, wanted, misheld)
        with watcher, paths:
            run(watcher)
    return [replace(finding, path=paths.path_of(finding)) for finding in findings]


@contextmanager
def _anomaly_mode() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Anomaly Detection has been enabled")
        mode = torch.autograd.set_detect_anomaly(True, check_nan=False)
    with mode, warnings.catch_warnings():
        # An error that counts as a finding was reported; its forward stack is of no more use.
        warnings.filterwarnings("ignore", message="Error detected in")
        yield


def _steps(
    record: Record, leaf: Node, nodes: Mapping[Node, Node | None], entry: Entry
) -> list[PathStep]:
    steps = [PathStep(f"parameter {entry.label}", entry.owners[0])]
    for node in way(leaf, nodes)[1:]:
        call = record.call_at(recorded_at(node))
        line = users_line(_frames(node))
        steps.append(PathStep(node.name(), call.label if call else "", line))
    return [*steps, PathStep("loss")][::-1]


def _entry(record: Record, leaf: Node, nodes: Mapping[Node, Node | None], owner: str) -> str:
    """The line that called the module; for bare tensors, the operation that used them."""
    steps = way(leaf, nodes)
    for node in reversed(steps[1:]):
        call = record.call_at(recorded_at(node), owner)
        if call is not None:
            return users_line(_frames(node), call.depth)
    return users_line(_frames(steps[1])) if len(steps) > 1 else ""


def _behind(
    record: Record, nodes: Mapping[Node, Node | None], leaves: Mapping[Node, int], owner: str
) -> tuple[list[str], set[str]]:
    """Modules that the loss reaches through `owner`, and those that it reaches around it."""
    entries = record.inventory.entries
    inside = [node for node in nodes if record.call_at(recorded_at(node), owner) is not None]
    inside += users_of({n for n, k in leaves.items() if owner in entries[k].owners}, nodes)
    below = walk(inside)
    outside = without(set(inside), nodes)

    def owners(among: Container[Node]) -> set[str]:
        keys = [key for node, key in leaves.items() if node in among]
        return {each for key in keys for each in entries[key].owners} - {owner}

    return sorted(owners(below)), owners(outside)


def _frames(node: Node) -> list[Frame]:
    metadata: Any = node.metadata
    return parse(metadata.get("traceback_", ()))
