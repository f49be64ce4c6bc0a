"""Problems and notes that depend on all rounds of the updates."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..contract import Contract, UpdateRow
from ..observe.records import UpdateRecord
from ..results import Grade
from .facts import Facts
from .following import Following
from .problems import Problem, names_in

_Place = tuple[UpdateRow, str, str | None]
"""Row, module and loss term."""


@dataclass
class _Tensors:
    """Tensors of one place, each with the last run of its row that shows it bad or good.

    Attributes:
        bad: tensor → last run in which it had a problem, and the problem.
        good: tensors without a problem in any run.
        recovered: tensors that had a problem in one run, and none in a later one.
        grade: highest grade in the runs with a problem.
    """

    bad: dict[str, tuple[int, Problem]] = field(default_factory=dict)
    good: set[str] = field(default_factory=set)
    recovered: set[str] = field(default_factory=set)
    grade: Grade = Grade.NOTHING

    def unsolved(self, last_run: int) -> dict[str, Problem]:
        """Return tensor → problem, for the problems that count."""
        return {
            tensor: problem
            for tensor, (run, problem) in self.bad.items()
            if tensor not in self.good
            or (problem.rounds == "last" and run == last_run and tensor not in self.recovered)
        }


class RoundCounter:
    """Collects the problems of every run of every row, and finds those that count."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._runs: Counter[UpdateRow] = Counter()
        self._idle_runs: Counter[tuple[UpdateRow, str]] = Counter()
        self._synced: set[tuple[UpdateRow, str]] = set()
        self._any: dict[tuple[object, ...], list[Problem]] = {}
        self._tensors: defaultdict[_Place, _Tensors] = defaultdict(_Tensors)
        self._toggled: dict[tuple[str, str], set[bool]] = {}

    def add(
        self,
        record: UpdateRecord,
        facts: Mapping[tuple[UpdateRow, str], Facts],
        followers: Mapping[tuple[UpdateRow, str], Following],
        problems: Sequence[Problem],
    ) -> None:
        """Count one record.

        Args:
            facts: (row, module) → facts, for all rows of the record.
            followers: (row, follower) → comparison with its source.
            problems: of the record, one per key.
        """
        for row in dict.fromkeys(row for row, _ in facts):
            self._runs[row] += 1
        for key, result in followers.items():
            self._idle_runs[key] += result.is_idle
            if facts[key].changes:
                self._synced.add(key)
        self._add_toggles(record)
        bad: dict[_Place, dict[str, Problem]] = defaultdict(dict)
        for problem in problems:
            grade, each = problem.grade, facts.get((problem.row, problem.module))
            if problem.verdict == "starved" and grade is None and each is not None:
                grade = each.grade()
            if problem.rounds in ("any", "undone"):
                self._any.setdefault(problem.key, []).append(replace(problem, grade=grade))
                continue
            place = (problem.row, problem.module, problem.loss)
            bad[place] |= dict.fromkeys(problem.tensors or ("",), problem)
            self._tensors[place].grade = max(self._tensors[place].grade, grade or Grade.NOTHING)
        for place, each in bad.items():
            run = self._runs[place[0]]
            self._tensors[place].bad |= {name: (run, problem) for name, problem in each.items()}
        if record.error is None:
            for place, names in self._shown(facts, followers):
                self._add_good(place, set(names) - bad.get(place, {}).keys())

    def problems(self) -> list[Problem]:
        """Return the problems that count, by `Problem.rounds`."""
        found: list[Problem] = []
        for problems in self._any.values():
            grades = [each.grade for each in problems if each.grade is not None]
            worst = max(grades, default=None)
            found += [replace(p, grade=worst) for p in problems if p.rounds == "any"]
            found += [replace(p, tensors=t) for p in problems if (t := self._left_changed(p))]
        for place, tensors in self._tensors.items():
            by_kind: dict[str, list[tuple[str, Problem]]] = {}
            for name, problem in tensors.unsolved(self._runs[place[0]]).items():
                by_kind.setdefault(problem.kind, []).append((name, problem))
            for pairs in by_kind.values():
                names = tuple(name for name, _ in pairs if name)
                found.append(replace(pairs[-1][1], tensors=names, grade=tensors.grade))
        return found

    def has_unsolved(self) -> bool:
        """Return True if more rounds could show that a problem is none."""
        return any(
            tensors.unsolved(self._runs[place[0]]) for place, tensors in self._tensors.items()
        ) or any(self._left_changed(p) for problems in self._any.values() for p in problems)

    def notes(self) -> list[str]:
        """Return a note for each follower that always equalled its source."""
        return [
            f"{row}: {follower} equalled {self._contract.permission(row).follows[follower]} in "
            "every round, so nothing shows that it follows: list this update after those that train"
            for (row, follower), runs in self._idle_runs.items()
            if runs == self._runs[row] and (row, follower) not in self._synced
        ]

    def _left_changed(self, problem: Problem) -> tuple[str, ...]:
        """Return the tensors whose `requires_grad` was changed in one direction only."""
        if problem.rounds != "undone":
            return ()
        return tuple(n for n in problem.tensors if len(self._toggled[problem.module, n]) == 1)

    def _shown(
        self,
        facts: Mapping[tuple[UpdateRow, str], Facts],
        followers: Mapping[tuple[UpdateRow, str], Following],
    ) -> Iterable[tuple[_Place, Iterable[str]]]:
        """Yield the tensors of each place that the record shows to be good, unless they are bad."""
        for (row, module), each in facts.items():
            permission = self._contract.permission(row)
            names = ("", *names_in(module, each.entries(each.trainable)))
            if module in permission.trains:
                yield (row, module, None), names
            for term, inner in permission.terms.items():
                if module in inner.trains:
                    yield (row, module, term), names
        for (row, follower), result in followers.items():
            yield (row, follower, None), names_in(follower, result.closer)

    def _add_good(self, place: _Place, names: set[str]) -> None:
        tensors = self._tensors[place]
        tensors.good |= names
        tensors.recovered |= names & tensors.bad.keys()

    def _add_toggles(self, record: UpdateRecord) -> None:
        """Add the directions in which an update changed `requires_grad`."""
        for key, before in record.required.items():
            after = record.required_after.get(key)
            if after is not None and after != before:
                for module, name in record.inventory.entries[key].names.items():
                    self._toggled.setdefault((module, name), set()).add(after)
