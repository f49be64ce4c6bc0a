"""Live watch: audit a sample of the updates of a training and chart the results."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from .contract import Contract, not_allowed
from .explain.recording import PathRecorder
from .judge.verdicts import judge
from .observe.watcher import Watcher
from .report import Report
from .results import Cell
from .sampling import WindowSampler


class ScalarWriter(Protocol):
    """The method of TensorBoard's `SummaryWriter` that is used."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> object: ...


class LiveWatch:
    """Watches one run per `every` runs of each update, without changing the training.

    Args:
        contract: permission of each update.
        writer: gets `separation/<update>/<module>/grade`, `.../gradient_norm` (no point if the
            gradient is None) and `.../movement`.
        every: 1 watches every run; 100 watches the first, and one at a random place in each 100.
        seed: seed of the places.
    """

    def __init__(
        self, contract: Contract, writer: ScalarWriter, every: int = 100, seed: int = 0
    ) -> None:
        if every < 1:
            raise not_allowed("every", every, "a whole number ≥ 1")
        self.contract, self.writer, self.every, self.seed = contract, writer, every, seed
        self.report: Report | None = None
        self._runs: dict[str, int] = {}
        self._samplers: dict[str, WindowSampler] = {}

    @contextmanager
    def update(self, name: str, step: int | None = None) -> Iterator[None]:
        """Context manager that runs the block as the update `name`.

        Args:
            name: of the update in the contract.
            step: x coordinate in the charts; None: the number of the run.
        """
        run = self._runs.get(name, 0)
        self._runs[name] = run + 1
        if name not in self._samplers:
            self._samplers[name] = WindowSampler(self.every, f"{self.seed}/{name}")
        if not self._samplers[name].selects(run):
            yield
            return
        with Watcher(self.contract, dry_run=False, closely=False) as watcher:
            recorder = PathRecorder(watcher, uses=False)
            with recorder, watcher.update(name):
                yield
            results = judge(watcher)
            results.findings = recorder.explained(results.findings)
            self.report = Report(self.contract, results, routes=recorder.routes())
        for cell in self.report.cells:
            self._draw(cell, run if step is None else step)

    def _draw(self, cell: Cell, step: int) -> None:
        tag = f"separation/{cell.update}/{cell.module}"
        self.writer.add_scalar(f"{tag}/grade", int(cell.grade), step)
        if cell.gradient_norm is not None:
            self.writer.add_scalar(f"{tag}/gradient_norm", cell.gradient_norm, step)
        self.writer.add_scalar(f"{tag}/movement", cell.movement, step)
