"""Verdicts: the records of every update, against the contract."""

from collections.abc import Iterator, Mapping, Sequence

from ..contract import Contract, Permission, UpdateRow
from ..observe.records import UpdateRecord
from ..observe.watcher import Watcher
from ..results import SETUP, Cell, Finding, Grade, Results, Verdict
from . import errors, leaks, membership, modes, starving
from .facts import Facts, norm, norm_by_member
from .movers import movements
from .problems import Problem, merge
from .rounds import RoundCounter, notes_on

_KEPT: Verdict = "kept"
_WORST_FIRST: tuple[Verdict, ...] = ("leaked", "moved_by_other", "starved")


def judge(watcher: Watcher, stacked: bool = False) -> Results:
    """Judge the updates that the watcher has recorded.

    Args:
        watcher: with the contract and the records.
        stacked: every parameter is `[member, ...]`.

    Raises:
        ContractError: the source of a follower has no tensor of the same name and shape.
    """
    contract, setup, records = watcher.contract, watcher.setup_inventory, watcher.records
    facts: dict[tuple[UpdateRow, str], list[Facts]] = {}
    counter = RoundCounter(contract)
    for record in records:
        facts_of_record = _facts_of(record, contract, records[0].required)
        for key, each in facts_of_record.items():
            facts.setdefault(key, []).append(each)
        problems_of_record = merge(list(_problems_of(record, contract, facts_of_record)))
        counter.add(facts_of_record, problems_of_record)
    problems = list(membership.aliased(setup, contract, SETUP))
    if records:
        for target, source in contract.equal_at_start.items():
            problems += starving.unequal(records[0], target, source)
        problems += membership.wrong_holders(records, contract)
    problems += _stored(records, watcher.setup_stored)
    problems += membership.aliased_later(setup, records, contract)
    problems += counter.problems()
    notes = [*notes_on(records, contract), *counter.notes()]
    return _results(contract, facts, merge(problems), notes, stacked)


def _facts_of(
    record: UpdateRecord, contract: Contract, required_first: Mapping[int, bool]
) -> dict[tuple[UpdateRow, str], Facts]:
    return {
        (row, module): Facts(
            record, row, module, contract.permission(row).may_train(module), required_first
        )
        for row in _rows(record, contract)
        for module in contract.modules
    }


def _rows(record: UpdateRecord, contract: Contract) -> list[UpdateRow]:
    """Return the declared rows of a record, then those of optimizers that no part names."""
    rows = contract.rows_of(record.update)
    return list(dict.fromkeys(rows + [event.row for event in record.events]))


def _problems_of(
    record: UpdateRecord, contract: Contract, facts: dict[tuple[UpdateRow, str], Facts]
) -> Iterator[Problem]:
    yield from leaks.applied(record, contract)
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
                yield from starving.lagging(facts[row, follower], source)


def _stored(records: Sequence[UpdateRecord], at_setup: dict[str, str]) -> Iterator[Problem]:
    faults = {name: (SETUP, fault) for name, fault in at_setup.items()}
    for record in records:
        for name, fault in record.stored.items():
            faults.setdefault(name, (record.row, fault))
    for name, (row, fault) in faults.items():
        yield Problem(row, name, "leaked", "stored", fault)


def _results(
    contract: Contract,
    facts: dict[tuple[UpdateRow, str], list[Facts]],
    problems: Sequence[Problem],
    notes: Sequence[str],
    stacked: bool,
) -> Results:
    cells: list[Cell] = []
    for (row, module), rounds in facts.items():
        own = [p for p in problems if (p.row, p.module) == (row, module)]
        worst = max(rounds, key=Facts.grade)
        cells.append(_cell(contract.permission(row), worst, own, stacked))
    grades = {(cell.row, cell.module): cell.grade for cell in cells}
    findings = [
        Finding(
            p.row,
            p.module,
            p.verdict,
            grades.get((p.row, p.module), Grade.NOTHING) if p.grade is None else p.grade,
            p.kind,
            p.message,
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
    cell.reason = problem.message if problem else _why_kept(permission, facts)
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
