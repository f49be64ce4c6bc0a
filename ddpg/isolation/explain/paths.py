"""Paths of leaks into modules, and the places where the graphs of starved modules are cut.

The updates run once more in anomaly mode, in which PyTorch stores the forward stack with every
graph node. The stacks contain the user's source lines.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from ..contract import Contract, UpdateRow
from ..observe.autograd import root_of, walk
from ..observe.passes import entries_among
from ..observe.records import ForwardCall, UpdateRecord
from ..observe.watcher import Watcher
from ..results import Finding
from .cuts import Cut, cuts_graph, operation_name, rank_of, tensors_in
from .entries import traceback_frames
from .finder import PathFinder, has_path
from .sources import Frame, current_frames, current_stack, users_line


class CutFinder(PathFinder, TorchFunctionMode):
    """Explainer of a `Watcher` in anomaly mode, and mode that stores the cuts of graphs.

    Args:
        watcher: watches the updates.
        wanted: (update, module) of the findings.
        foreign: (row, module) of findings about what an optimizer holds.
    """

    def __init__(
        self, watcher: Watcher, wanted: set[tuple[str, str]], foreign: set[tuple[UpdateRow, str]]
    ) -> None:
        TorchFunctionMode.__init__(self)
        PathFinder.__init__(self, watcher, foreign)
        self.wanted = wanted

    def wants(self, record: UpdateRecord, module: str) -> bool:
        """Return True if a finding is about the module."""
        return (record.update, module) in self.wanted

    def frames(self, record: UpdateRecord, node: Node) -> list[Frame]:  # noqa: ARG002
        """Return the stack that anomaly mode stored."""
        return traceback_frames(node)

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:
        """Store the call with its stack."""
        call.stack = current_stack()
        super().called(record, call, output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        record = self.watcher.record
        if record is not None:
            with_graph = [each for each in tensors_in(args) if each.grad_fn is not None]
            if with_graph and cuts_graph(func, result):
                self._add_cut(record, func, with_graph)
        return result

    def _add_cut(self, record: UpdateRecord, function: Any, tensors: Sequence[Tensor]) -> None:
        reaches: set[str] = set()
        for tensor in tensors:
            root = root_of(tensor)
            below = entries_among(walk([root] if root else []), record.inventory)
            for key in below.values():
                reaches |= set(record.inventory.entries[key].owners)
        if reaches:
            name = operation_name(function)
            cut = Cut(reaches, name, str(users_line(current_frames())), rank_of(name))
            self.cuts.setdefault(record.update, []).append(cut)


def add_paths(
    contract: Contract, findings: Sequence[Finding], run: Callable[[Watcher], None]
) -> list[Finding]:
    """Return the findings with their paths, or with the reason why a path is missing.

    Args:
        contract: as for `audit`.
        findings: of an audit.
        run: runs the updates again under the given watcher.
    """
    wanted = {(each.row.update, each.module) for each in findings}
    foreign = {(each.row, each.module) for each in findings if each.kind == "membership"}
    with _anomaly_mode():
        watcher = Watcher(contract, dry_run=True)
        watcher.explainer = finder = CutFinder(watcher, wanted, foreign)
        reason = "the run that looks for paths did not repeat it: list the counters, batches or "
        reason += "random generators that changed since in `restores`"
        try:
            with watcher, finder:
                run(watcher)
        except Exception as error:  # of the user's code: the findings are worth more than paths
            reason = f"the run that looks for paths raised {type(error).__name__}"
            reason += f": {error}" if str(error) else ""
    return [_with_path(each, finder, reason) for each in findings]


def _with_path(finding: Finding, finder: PathFinder, reason: str) -> Finding:
    path = finder.path_of(finding)
    missing = path is None and has_path(finding)
    return replace(finding, path=path, no_path=reason if missing else "")


@contextmanager
def _anomaly_mode() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Anomaly Detection has been enabled")
        mode = torch.autograd.set_detect_anomaly(True, check_nan=False)
    with mode, warnings.catch_warnings():
        # Errors that are findings were reported in the first run.
        warnings.filterwarnings("ignore", message="Error detected in")
        yield
