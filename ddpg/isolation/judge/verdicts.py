"""Verdicts: the records of every update, against the contract."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..contract import Contract, Permission, UpdateRow
from ..observe.records import UpdateRecord
from ..observe.watcher import Watcher
from ..results import SETUP, Cell, Finding, Grade, Results, Verdict
from . import errors, leaks, membership, modes, starving
from .borrowed import borrowed
from .facts import Facts, norm, norm_by_member
from .following import Following, check_pairs, following, lagging, unequal
from .movers import movements
from .notes import notes_on
from .problems import Problem, merge
from .rounds import RoundCounter

_KEPT: Verdict = "kept"
_WORST_FIRST: tuple[Verdict, ...] = ("leaked", "moved_by_other", "starved")


class Judge:
    """Judges the updates that a watcher records, while it records them.

    Args:
        watcher: with the contract and the records.

    Raises:
        ContractError: the source of a follower has no tensor of the same name and shape.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher, self._contract = watcher, watcher.contract
        check_pairs(watcher.setup_inventory, watcher.contract)
        self._worst: dict[tuple[UpdateRow, str], Facts] = {}
        self._counter = RoundCounter(watcher.contract)
        self._unchecked = modes.UncheckedModes()
        self._judged = 0
        self._runs: Counter[str] = Counter()
        self._first_run = 1
        self._shown: set[tuple[object, ...]] = set()

    def add_records(self) -> None:
        """Judge the records that are new since the last call."""
        records = self._watcher.records
        for record in records[self._judged :]:
            facts = _facts_of(record, self._contract, records[0].required)
            followers = {
                (row, follower): following(facts[row, follower], source)
                for row in dict.fromkeys(row for row, _ in facts)
                for follower, source in self._contract.permission(row).follows.items()
            }
            problems = merge(list(_problems_of(record, self._contract, facts, followers)))
            self._counter.add(record, facts, followers, problems)
            for row in dict.fromkeys(row for row, _ in facts):
                self._unchecked.add(record, row, self._contract.permission(row))
            self._runs[record.update] += 1
            self._add_first_run(record, problems)
            for key, each in facts.items():
                known = self._worst.get(key)
                if known is None or each.grade() > known.grade():
                    self._worst[key] = each
        self._judged = len(records)

    @property
    def first_run(self) -> int:
        """The run until which all problems have appeared, each in a row that ran."""
        return self._first_run

    def _add_first_run(self, record: UpdateRecord, problems: Sequence[Problem]) -> None:
        ran = {row for event in record.events for row in (event.row, *event.row.single_parts())}
        new = {p.key for p in problems if p.row in ran or p.rounds == "any"} - self._shown
        if new:
            self._shown |= new
            self._first_run = self._runs[record.update]

    def has_unsolved(self) -> bool:
        """Return True if more rounds could solve a problem."""
        self.add_records()
        return self._counter.has_unsolved()

    def results(self, stacked: bool = False) -> Results:
        """Return cells, findings and notes.

        Args:
            stacked: every parameter is `[member, ...]`.
        """
        self.add_records()
        contract, records = self._contract, self._watcher.records
        setup = self._watcher.setup_inventory
        problems = list(membership.aliased(setup, contract, SETUP))
        if records:
            for target, source in contract.equal_at_start.items():
                problems += unequal(records[0], target, source)
            problems += membership.wrong_holders(records, contract)
        problems += _stored(records, self._watcher.setup_stored)
        problems += membership.aliased_later(setup, records, contract)
        problems += self._counter.problems()
        problems += self._unchecked.problems()
        notes = [*notes_on(records, contract), *self._counter.notes()]
        return _results(contract, self._worst, merge(problems), notes, stacked)


def judge(watcher: Watcher, stacked: bool = False) -> Results:
    """Judge the updates that the watcher has recorded; see `Judge`."""
    return Judge(watcher).results(stacked)


def _facts_of(
    record: UpdateRecord, contract: Contract, required_first: Mapping[int, bool]
) -> dict[tuple[UpdateRow, str], Facts]:
    facts: dict[tuple[UpdateRow, str], Facts] = {}
    for row in _rows(record, contract):
        for module in contract.modules:
            trained = contract.permission(row).may_train(module)
            each = Facts(record, row, module, trained, required_first)
            each.trainable -= _of_other_parts(record, contract, row, module)
            facts[row, module] = each
    return facts


def _of_other_parts(
    record: UpdateRecord, contract: Contract, row: UpdateRow, module: str
) -> set[int]:
    """Return the entries that only optimizers of other parts hold which train the module too.

    An example is a list of critics with an optimizer each.
    """
    others = {
        part
        for other in contract.rows_of(record.update)
        if other != row and module in contract.permission(other).trains
        for part in other.parts
    }
    held: dict[bool, set[int]] = {True: set(), False: set()}
    for optimizer, keys in record.optimizers.items():
        if optimizer in row.parts or optimizer in others:
            held[optimizer in row.parts].update(keys)
    return held[False] - held[True]


def _rows(record: UpdateRecord, contract: Contract) -> list[UpdateRow]:
    """Return the declared rows of a record, then those of optimizers that no part names."""
    rows = contract.rows_of(record.update)
    return list(dict.fromkeys(rows + [event.row for event in record.events]))


def _problems_of(
    record: UpdateRecord,
    contract: Contract,
    facts: Mapping[tuple[UpdateRow, str], Facts],
    followers: Mapping[tuple[UpdateRow, str], Following],
) -> Iterator[Problem]:
    yield from leaks.applied(record, contract)
    yield from borrowed(record)
    yield from errors.outdated(record)
    yield from errors.raised(record, contract, bool(record.stored))
    yield from membership.orphaned(record, contract)
    yield from modes.changed_requires_grad(record)
    for (row, module), each in facts.items():
        permission = contract.permission(row)
        yield from leaks.moved_otherwise(each, permission)
        yield from leaks.left_behind(each, permission)
        if module in permission.trains and record.error is None:
            yield from starving.untrained(each, contract)
        if record.error is None:
            yield from starving.untrained_by_term(each, permission)
    for row in dict.fromkeys(row for row, _ in facts):
        permission = contract.permission(row)
        yield from modes.wrong_modes(record, row, permission)
        if record.error is None:
            for follower, source in permission.follows.items():
                yield from lagging(facts[row, follower], source, followers[row, follower])


def _stored(
    records: Sequence[UpdateRecord], at_setup: Mapping[str, Mapping[int, str]]
) -> Iterator[Problem]:
    """Yield the faults that exist before the audit, and those that each update adds."""
    known: set[int] = set()
    stored = [(SETUP, at_setup), *((record.row, record.stored) for record in records)]
    for row, faults_of in stored:
        for name, faults in faults_of.items():
            new = [fault for number, fault in faults.items() if number not in known]
            known |= faults.keys()
            if new:
                yield Problem(row, name, "leaked", "stored", new[0])


def _results(
    contract: Contract,
    facts: Mapping[tuple[UpdateRow, str], Facts],
    problems: Sequence[Problem],
    notes: Sequence[str],
    stacked: bool,
) -> Results:
    cells: list[Cell] = []
    for (row, module), worst in facts.items():
        own = [p for p in problems if (p.row, p.module) == (row, module)]
        cells.append(_cell(contract.permission(row), worst, own, stacked))
    grades = {(cell.row, cell.module): cell.grade for cell in cells}
    findings = [
        Finding(
            p.row,
            p.module,
            p.verdict,
            grades.get((p.row, p.module), Grade.NOTHING) if p.grade is None else p.grade,
            p.kind,
            p.text,
            p.loss,
            p.tensors,
        )
        for p in problems
    ]
    return Results(cells, findings, list(notes))


def _cell(permission: Permission, facts: Facts, problems: Sequence[Problem], stacked: bool) -> Cell:
    broken: list[Verdict] = sorted(
        (problem.verdict for problem in problems), key=_WORST_FIRST.index
    )
    verdict = broken[0] if broken else _KEPT
    gradients = list(facts.gradients().values())
    movers = (str(mover) for mover, _, _ in movements(facts, permission.follows))
    cell = Cell(
        facts.row,
        facts.module,
        verdict,
        max([facts.grade(), *(p.grade for p in problems if p.grade is not None)]),
        reached=bool(facts.reached),
        delivered=norm(facts.delivered.values()) if facts.delivered else None,
        written=facts.written_state(),
        gradient_norm=norm(gradients) if gradients else None,
        movement=norm(facts.differences()),
        movers=tuple(dict.fromkeys(movers)),
    )
    if stacked and facts.own:
        members = next(iter(facts.own.values())).tensor.shape[0]
        cell.grades = facts.grades_by_member()
        cell.gradient_norms = norm_by_member(gradients, members) if gradients else None
        cell.movements = norm_by_member(facts.differences(), members)
    problem = next((p for p in problems if p.verdict == verdict), None)
    cell.reason = problem.text if problem else _why_kept(permission, facts)
    return cell


def _why_kept(permission: Permission, facts: Facts) -> str:
    """Return the reason of the verdict `kept`, in a sentence."""
    if permission.may_train(facts.module) and facts.changes:
        return "trained, as declared"
    if permission.may_move(facts.module) and facts.changes:
        return "moved, as declared"
    if facts.nonzero(facts.written):
        stepped = {key for step in facts.record.steps(facts.row) for key in step.held}
        if facts.own.keys() & stepped:
            return "gets a gradient, and the optimizer step does not change it"
        return "gets a gradient, and is unchanged only because no optimizer that stepped holds it"
    if facts.nonzero(facts.delivered):
        if facts.returned:
            return "autograd.grad returned a gradient, and nothing wrote it to .grad"
        return "reached, and its gradient was cleared before any step used it"
    if facts.delivered:
        return "reached, and its gradient is exactly zero"
    if facts.reached:
        return "a path exists, but no gradient was computed along it"
    return "not reached, not moved"
