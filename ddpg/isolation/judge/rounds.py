"""Problems and notes that depend on all rounds of the updates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..contract import Contract, UpdateRow
from ..observe.gradient_sources import BEFORE
from ..observe.records import UpdateRecord
from .facts import Facts
from .problems import Problem
from .starving import is_idle


class RoundCounter:
    """Counts the runs of each row, and the runs in which each problem appeared."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._runs: Counter[UpdateRow] = Counter()
        self._idle_runs: Counter[tuple[UpdateRow, str]] = Counter()
        self._synced: set[tuple[UpdateRow, str]] = set()
        self._problems: dict[tuple[object, ...], list[tuple[int, Problem]]] = {}

    def add(
        self, facts: Mapping[tuple[UpdateRow, str], Facts], problems: Sequence[Problem]
    ) -> None:
        """Count one record.

        Args:
            facts: (row, module) → facts, for all rows of the record.
            problems: of the record, one per key.
        """
        for row in dict.fromkeys(row for row, _ in facts):
            self._runs[row] += 1
            for follower, source in self._contract.permission(row).follows.items():
                each = facts[row, follower]
                self._idle_runs[row, follower] += is_idle(each, source)
                if each.changes:
                    self._synced.add((row, follower))
        for problem in problems:
            each = facts.get((problem.row, problem.module))
            if problem.verdict == "starved" and problem.grade is None and each is not None:
                problem = replace(problem, grade=each.grade())
            runs = self._problems.setdefault(problem.key, [])
            runs.append((self._runs[problem.row], problem))

    def problems(self) -> list[Problem]:
        """Return the problems that count, by `Problem.rounds`."""
        once: list[Problem] = []
        repeated: list[Problem] = []
        for runs in self._problems.values():
            grades = [problem.grade for _, problem in runs if problem.grade is not None]
            worst = max(grades, default=None)
            once += [replace(p, grade=worst) for _, p in runs if p.rounds == "any"]
            others = [(run, problem) for run, problem in runs if problem.rounds != "any"]
            if others and self._counts(*others[-1], len(others)):
                repeated.append(replace(others[-1][1], grade=worst))
        return once + repeated

    def notes(self) -> list[str]:
        """Return a note for each follower that always equalled its source."""
        return [
            f"{row}: {follower} equalled {self._contract.permission(row).follows[follower]} in "
            "every round, so nothing shows that it follows: list this update after those that train"
            for (row, follower), runs in self._idle_runs.items()
            if runs == self._runs[row] and (row, follower) not in self._synced
        ]

    def _counts(self, last_run: int, problem: Problem, runs: int) -> bool:
        """Return True if a problem counts that appeared in `runs` runs, at last in `last_run`."""
        row = problem.row
        if problem.rounds == "last" and last_run == self._runs[row]:
            return True
        # A follower that equals its source cannot come closer to it.
        return runs == self._runs[row] - self._idle_runs[row, problem.module]


def notes_on(records: Sequence[UpdateRecord], contract: Contract) -> list[str]:
    """Return notes: undeclared optimizers, tensors and terms, and gradients left in `.grad`."""
    notes: list[str] = []
    for record in records:
        notes += _notes_on_optimizers(record, contract)
        for each in record.passes():
            if len(each.row.parts) > 1 and not each.terms:
                notes.append(
                    f"the steps of {each.row} share one backward pass: name its losses with "
                    "term() to see which loss moved which module"
                )
            undeclared = each.terms.keys() - contract.permission(each.row).terms.keys()
            notes += [
                f"{each.row} names the loss term {name!r}, which is not in the contract"
                for name in sorted(undeclared)
            ]
        notes += _notes_on_old_gradients(record)
    return list(dict.fromkeys(notes))


def _notes_on_optimizers(record: UpdateRecord, contract: Contract) -> list[str]:
    notes = [
        f"an optimizer that is not in the contract made a step: {name}"
        for name in record.optimizers
        if name not in contract.optimizers
    ]
    for name, keys in record.optimizers.items():
        others = sum(key not in record.inventory.entries for key in keys)
        if others:
            notes.append(f"the optimizer {name!r} holds {others} tensors of no named module")
    return notes


def _notes_on_old_gradients(record: UpdateRecord) -> list[str]:
    notes: list[str] = []
    passes = set(record.passes())
    for step in record.steps():
        sources = [source for each in step.sources.values() for source in each]
        applied = f"in {step.row}, a step of {step.optimizer!r} applied a gradient"
        if any(source.row == BEFORE for source in sources):
            notes.append(f"{applied} from before the audit")
        earlier = {s.row for s in sources if s.row != BEFORE and s not in passes}
        notes += [
            f"{applied} that an earlier run of {row} left in .grad: no zero_grad came between"
            for row in sorted(earlier, key=str)
        ]
    return notes
