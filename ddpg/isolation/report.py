"""Report of an audit, and its forms: text, table, JSON, page and picture."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .contract import Contract
from .extras import require_extra
from .observe.watcher import Watcher
from .results import Cell, Finding, Kind, Results, Route, Verdict

if TYPE_CHECKING:
    from rich.table import Table

    from .render.folding import FoldedGraph


class ContractBrokenError(AssertionError):
    """An update has effects that the contract does not allow."""


class Report(Results):
    """Results of an audit. `report[update, module]` is a cell.

    Args:
        contract: that was audited.
        results: cells, findings and notes.
        rerun: runs the updates again under the given watcher; None: the report has no graphs.
        routes: (update, module) → paths, if `rerun` is None.
    """

    def __init__(
        self,
        contract: Contract,
        results: Results,
        rerun: Callable[[Watcher], None] | None = None,
        routes: Mapping[tuple[str, str], list[Route]] | None = None,
    ) -> None:
        super().__init__(results.cells, results.findings, results.notes)
        self._routes = routes or {}
        self.contract = contract
        self._rerun = rerun

    def __getitem__(self, key: tuple[str, str]) -> Cell:
        for cell in self.cells:
            if (cell.update, cell.module) == key:
                return cell
        raise KeyError(f"the report has no cell for the update and module {key!r}")

    def find(
        self,
        update: str | None = None,
        module: str | None = None,
        verdict: Verdict | None = None,
        grade: int | None = None,
        kind: Kind | None = None,
        loss: str | None = None,
    ) -> list[Finding]:
        """Return the findings that have all given values."""
        wanted = {
            "update": update,
            "module": module,
            "verdict": verdict,
            "grade": grade,
            "kind": kind,
            "loss": loss,
        }
        return [
            finding
            for finding in self.findings
            if all(value is None or getattr(finding, key) == value for key, value in wanted.items())
        ]

    def assert_kept(self) -> None:
        """Raise `ContractBrokenError` with all findings, if there are any."""
        if self.findings:
            raise ContractBrokenError(self.summary())

    def summary(self) -> str:
        """Return the findings and their paths as text."""
        if self.kept:
            return f"The contract is kept ({len(self.cells)} update × module cells)."
        count = len(self.findings)
        lines = [f"The contract is broken in {count} {'place' if count == 1 else 'places'}:"]
        for finding in self.findings:
            grade = finding.grade.name.lower()
            lines.append(
                f"- {finding.update} × {finding.module}: {finding.verdict} ({finding.kind}, "
                f"grade {finding.grade.value} {grade}): {finding.message}"
            )
            if finding.path is not None:
                lines += [f"    {line}" for line in finding.path.lines()]
            elif finding.no_path:
                lines.append(f"    path: missing: {finding.no_path}")
        return "\n".join(lines)

    def table(self) -> "Table":
        """Return a table of update × module for `rich.print`."""
        require_extra("table", "table()", "rich")
        from .render.table import table

        return table(self)

    def to_json(self) -> str:
        """Return cells, findings and notes as JSON; norms that are not finite are strings."""
        from .render.json import to_json

        return to_json(self)

    def to_svg(self) -> str:
        """Return a picture of the matrix and of `graphs()`, with leaks in red."""
        require_extra("graphs", "to_svg()", "pygraphviz")
        from .render.svg import to_svg

        return to_svg(self, self.graphs())

    def to_html(self, details: Mapping[str, str] | None = None) -> str:
        """Return a self-contained page: arrows, findings with paths, notes and `graphs()`.

        The updates run twice more, as a dry run. A report of `watch` has no graphs, and its page
        needs no pygraphviz.

        Args:
            details: name → text of each line below the title, such as the audited commit.
        """
        if self._rerun is not None:
            require_extra("graphs", "to_html()", "pygraphviz")
        from .render.html import to_html

        return to_html(self, self.graphs(), details, self.routes())

    def routes(self) -> Mapping[tuple[str, str], list[Route]]:
        """Return (update, module) → paths from losses; with `rerun`, the updates run once more."""
        from .explain.recording import routes_of

        return self._routes if self._rerun is None else routes_of(self.contract, self._rerun)

    def graphs(self) -> "list[FoldedGraph]":
        """Return the autograd graph of each kind of backward pass, folded to modules.

        The updates run once more, as a dry run. A report of `watch` has no graphs.
        """
        from .render.folding import folded_graphs

        return [] if self._rerun is None else folded_graphs(self.contract, self._rerun)
