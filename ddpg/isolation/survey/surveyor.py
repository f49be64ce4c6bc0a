"""Surveyor: the user's lines and the graphs of the backward passes that a watcher records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from torch.autograd.graph import Node
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ..explain.recording import PathRecorder
from ..explain.sources import current_stack, frames_of, users_line
from ..observe.records import BackwardPass, OptimizerStep, Stack, UpdateRecord
from ..observe.spans import Spans
from ..observe.watcher import Watcher
from .graphs import Bootstrap, behind, bootstraps


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


class Surveyor(PathRecorder):
    """Explainer of a `Watcher` and context manager; enter it after the watcher.

    Attributes:
        notes: backward pass → observations.
        step_lines: optimizer step → the user's line.
        files: the user's files on the stacks of passes and steps.
    """

    def __init__(self, watcher: Watcher, uses: bool) -> None:
        super().__init__(watcher, uses, everything=True)
        self.notes: dict[BackwardPass, PassNotes] = {}
        self.step_lines: dict[OptimizerStep, str] = {}
        self.files: dict[str, None] = {}
        self._lines: dict[Stack, str] = {}
        self._known_notes: dict[object, PassNotes] = {}
        self._handle: Any = None

    def __enter__(self) -> Self:
        self._handle = register_optimizer_step_pre_hook(self._before_step)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._handle.remove()

    def walked(
        self,
        record: UpdateRecord,
        backward: BackwardPass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Store the paths and the line of the pass, the modules behind modules, and bootstraps."""
        super().walked(record, backward, outputs, nodes, leaves)
        kind = (current_stack(), frozenset(leaves.values()))
        if kind not in self._known_notes:
            spans = Spans(backward.calls)
            reached = {owner for key in leaves.values() for owner in _owners(record, key)}
            self._known_notes[kind] = PassNotes(
                self._line(),
                behind(record, nodes, leaves, spans),
                bootstraps(nodes, sorted(reached), spans),
            )
        self.notes[backward] = self._known_notes[kind]

    def _before_step(self, *_: object) -> None:
        record = self.watcher.record
        last = record.events[-1] if record is not None and record.events else None
        if isinstance(last, OptimizerStep) and last not in self.step_lines:
            self.step_lines[last] = self._line()

    def _line(self) -> str:
        """Return the user's line on the stack, and remember the files of the stack."""
        stack = current_stack()
        if stack not in self._lines:
            frames = frames_of(stack)
            self.files |= {f.file: None for f in frames if f.is_users and not f.is_installed}
            self._lines[stack] = str(users_line(frames))
        return self._lines[stack]


def _owners(record: UpdateRecord, key: int) -> tuple[str, ...]:
    return record.inventory.entries[key].owners
