"""From records to a report: every update × module against the contract."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..contract import Contract, Permission, UpdateRow
from ..observe.inventory import Inventory
from ..observe.records import UpdateRecord
from ..results import SETUP, Cell, Finding, Grade, Results, Verdict
from . import aliasing, errors, leaks, membership, modes, starving
from .facts import Facts, norm, norm_by_member
from .notes import notes_on
from .problems import Problem
from .rounds import Rounds

_KEPT: Verdict = "kept"
_WORST: tuple[Verdict, ...] = ("leaked", "moved_by_other", "starved")


def judge(
    contract: Contract,
    setup: Inventory,
    records: Sequence[UpdateRecord],
    stored_at_setup: dict[str, str],
    stacked: bool = False,
) -> Results:
    """The verdicts over all records of an audit.

    Args:
        setup: the modules as they were before any update ran.
        stored_at_setup: what was wrong then with what is kept between updates, by its name.
        stacked: every parameter is `[member, ...]`.

    Raises:
        ContractError: a follower's source has no tensor of the same name and shape.
    """
    facts: dict[tuple[UpdateRow, str], list[Facts]] = {}
    rounds = Rounds(contract)
    for record in records:
        known = {
            (row, module): Facts(
                record,
                row,
                module,
                contract.permission(row).may_train(module),
                records[0].required,
            )
            for row in _rows(record, contract)
            for module in contract.modules
        }
        for where, each in known.items():
            facts.setdefault(where, []).append(each)
        rounds.add(known, _merge(list(_of_record(record, contract, known))))
    problems = list(aliasing.aliased(setup, contract, SETUP))
    if records:
        for target, source in contract.equal_at_start.items():
            problems += starving.unequal(records[0], target, source)
        problems += membership.misheld(records, contract)
    problems += _stored(records, stored_at_setup)
    problems += _ties_changed(setup, records, contract)
    problems += rounds.problems()
    notes = [*notes_on(records, contract), *rounds.notes()]
    return _results(contract, facts, _merge(problems), notes, stacked)


def _rows(record: UpdateRecord, contract: Contract) -> list[UpdateRow]:
    """The rows of one record: those declared, then steps of optimizers that no part names."""
    rows = contract.rows_of(record.update)
    return list(dict.fromkeys(rows + [event.row for event in record.events]))


def _of_record(
    record: UpdateRecord, contract: Contract, facts: dict[tuple[UpdateRow, str], Facts]
) -> Iterator[Problem]:
    yield from leaks.applied(record, contract)
    yield from errors.outdated(record)
    yield from errors.raised(record, contract, bool(record.stored))
    yield from membership.orphaned(record, contract)
    yield from modes.left_changed(record)
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
        yield from modes.misset(record, row, permission)
        if record.error is None:
            for follower, source in permission.follows.items():
                yield from starving.lagging(facts[row, follower], source)


def _stored(records: Sequence[UpdateRecord], at_setup: dict[str, str]) -> Iterator[Problem]:
    found = {name: (SETUP, fault) for name, fault in at_setup.items()}
    for record in records:
        for name, fault in record.stored.items():
            found.setdefault(name, (record.row, fault))
    for name, (row, fault) in found.items():
        yield Problem(row, name, "leaked", "stored", fault)


def _ties_changed(
    setup: Inventory, records: Sequence[UpdateRecord], contract: Contract
) -> Iterator[Problem]:
    """Aliasing that an update made or broke."""
    before = {each.message: each for each in aliasing.aliased(setup, contract, SETUP)}
    for record in records:
        if record.after is not None:
            for each in aliasing.aliased(record.after, contract, record.row):
                if each.message not in before:
                    before[each.message] = each
                    yield each


def _merge(problems: Sequence[Problem]) -> list[Problem]:
    """One problem for each key, with all its tensors."""
    merged: dict[tuple[object, ...], Problem] = {}
    for each in problems:
        known = merged.get(each.key)
        if known is None:
            merged[each.key] = each
        else:
            tensors = tuple(dict.fromkeys(known.tensors + each.tensors))
            merged[each.key] = replace(known, tensors=tensors)
    # A gradient that was applied was also written: the worse of the two is said.
    applied = {
        (p.row, p.module, p.loss) for p in merged.values() if p.key[2:4] == ("leaked", "moved")
    }
    return [
        each
        for each in merged.values()
        if each.key[2:4] != ("leaked", "written")
        or (each.row, each.module, each.loss) not in applied
    ]


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
        cells.append(_cell(contract.permission(row), max(rounds, key=Facts.grade), own, stacked))
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
    verdicts = {problem.verdict for problem in problems}
    found: list[Verdict] = [each for each in _WORST if each in verdicts]
    verdict = found[0] if found else _KEPT
    gradients = list(facts.gradients().values())
    cell = Cell(
        facts.row,
        facts.module,
        verdict,
        max([facts.grade(), *(p.grade for p in problems if p.grade is not None)]),
        reached=bool(facts.reached),
        delivered=norm(facts.delivered.values()) if facts.delivered else None,
        written=facts.written_word(),
        gradient_norm=norm(gradients) if gradients else None,
        movement=norm(facts.differences()),
        movers=leaks.movers(facts, permission),
    )
    if stacked and facts.own:
        members = next(iter(facts.own.values())).tensor.shape[0]
        cell.grades = facts.grades_by_member()
        cell.gradient_norms = norm_by_member(gradients, members) if gradients else None
        cell.movements = norm_by_member(facts.differences(), members)
    wrong = next((p for p in problems if p.verdict == verdict), None)
    cell.reason = wrong.message if wrong else _why_kept(permission, facts)
    return cell


def _why_kept(permission: Permission, facts: Facts) -> str:
    module = facts.module
    if permission.may_train(module) and facts.changes:
        return "trained, as declared"
    if permission.may_move(module) and facts.changes:
        return "moved, as declared"
    if facts.nonzero(facts.written):
        holders = [
            name for name, keys in facts.record.optimizers.items() if set(facts.own) & set(keys)
        ]
        held = (
            f"the optimizer {holders[0]!r} holds it and made no step"
            if holders
            else ("no optimizer holds it")
        )
        return f"reached and written, and not moved by optimizer membership alone: {held} here"
    if facts.nonzero(facts.delivered):
        if facts.returned:
            return "autograd.grad handed a gradient back, and nothing wrote it"
        return "reached, and its gradient was cleared before any step used it"
    if facts.delivered:
        return "reached, and its gradient is exactly zero"
    if facts.reached:
        return "a path exists, and no gradient was asked for along it"
    return "not reached, not moved"
