"""What several runs of the same updates show together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..contract import Contract, UpdateRow
from . import starving
from .facts import Facts
from .problems import Problem


class Rounds:
    """Counts how often each row ran, and in which of its runs each problem showed."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._ran: Counter[UpdateRow] = Counter()
        self._idle: Counter[tuple[UpdateRow, str]] = Counter()
        self._synced: set[tuple[UpdateRow, str]] = set()
        self._found: dict[tuple[object, ...], list[tuple[int, Problem]]] = {}

    def add(
        self, facts: Mapping[tuple[UpdateRow, str], Facts], problems: Sequence[Problem]
    ) -> None:
        """One more record.

        Args:
            facts: what each of its rows did to each module.
            problems: what is wrong with it, one problem a key.
        """
        for row in dict.fromkeys(row for row, _ in facts):
            self._ran[row] += 1
            for follower, source in self._contract.permission(row).follows.items():
                each = facts[row, follower]
                self._idle[row, follower] += starving.idle(each, source)
                if each.changes:
                    self._synced.add((row, follower))
        for problem in problems:
            each = facts.get((problem.row, problem.module))
            if problem.verdict == "starved" and problem.grade is None and each is not None:
                problem = replace(problem, grade=each.grade())
            found = self._found.setdefault(problem.key, [])
            found.append((self._ran[problem.row], problem))

    def problems(self) -> list[Problem]:
        """Those that count, by what `Problem.rounds` says of each."""
        once: list[Problem] = []
        again: list[Problem] = []
        for found in self._found.values():
            grades = [problem.grade for _, problem in found if problem.grade is not None]
            worst = max(grades, default=None)
            once += [replace(p, grade=worst) for _, p in found if p.rounds == "any"]
            repeated = [(run, problem) for run, problem in found if problem.rounds != "any"]
            if repeated and self._counts(*repeated[-1], len(repeated)):
                again.append(replace(repeated[-1][1], grade=worst))
        return once + again

    def notes(self) -> list[str]:
        """Followers of which nothing shows whether they follow."""
        return [
            f"{row}: {follower} equalled {self._contract.permission(row).follows[follower]} "
            "whenever it ran, which shows nothing: list it after the updates that train"
            for (row, follower), times in self._idle.items()
            if times == self._ran[row] and (row, follower) not in self._synced
        ]

    def _counts(self, run: int, problem: Problem, times: int) -> bool:
        """Whether a problem counts that was last seen in run number `run`, and `times` in all."""
        row = problem.row
        if problem.rounds == "last" and run == self._ran[row]:
            return True
        # A follower that equals its source cannot come closer, and could not have shown it.
        return times == self._ran[row] - self._idle[row, problem.module]
