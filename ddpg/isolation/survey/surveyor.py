"""Surveyor: the user's lines and the graphs of the backward passes that a watcher records."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Self

from torch.autograd.graph import Node
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ..explain.sources import current_frames, users_line
from ..observe.records import BackwardPass, ForwardCall, OptimizerStep, UpdateRecord
from ..observe.watcher import Watcher
from .graphs import Bootstrap, Spans, behind, bootstraps


@dataclass
class PassNotes:
    """Observations of one backward pass.

    Attributes:
        line: the user's line that started it.
        behind: module → modules that the loss reaches through it alone.
    """

    line: str = ""
    behind: dict[str, set[str]] = field(default_factory=dict)
    bootstraps: list[Bootstrap] = field(default_factory=list)


class Surveyor(AbstractContextManager["Surveyor"]):
    """Explainer of a `Watcher`; enter it after the watcher.

    Attributes:
        passes: backward pass → observations.
        step_lines: optimizer step → the user's line.
        files: the user's files on the stacks of passes and steps.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        watcher.explainer = self
        self.passes: dict[BackwardPass, PassNotes] = {}
        self.step_lines: dict[OptimizerStep, str] = {}
        self.files: dict[str, None] = {}
        self._handle: Any = None

    def __enter__(self) -> Self:
        self._handle = register_optimizer_step_pre_hook(self._before_step)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def walked(
        self,
        record: UpdateRecord,
        backward: BackwardPass,
        outputs: Sequence[object],  # noqa: ARG002  part of the protocol
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Store the line of the pass, the modules behind modules, and bootstraps."""
        spans = Spans(backward.calls)
        reached = {owner for key in leaves.values() for owner in _owners(record, key)}
        self.passes[backward] = PassNotes(
            self._line(),
            behind(record, nodes, leaves, spans),
            bootstraps(nodes, sorted(reached), spans),
        )

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:  # noqa: ARG002
        """Store the user's line of the outermost call of a module."""
        if not call.submodule or call.depth == 0:
            call.line = str(users_line(current_frames(), call.depth))

    def _before_step(self, *_: object) -> None:
        record = self._watcher.record
        last = record.events[-1] if record is not None and record.events else None
        if isinstance(last, OptimizerStep) and last not in self.step_lines:
            self.step_lines[last] = self._line()

    def _line(self) -> str:
        """Return the user's line on the stack, and remember the files of the stack."""
        frames = current_frames()
        self.files |= {f.file: None for f in frames if f.is_users and not f.is_installed}
        return str(users_line(frames))


def _owners(record: UpdateRecord, key: int) -> tuple[str, ...]:
    return record.inventory.entries[key].owners
