"""Proposal: the contract that the recorded updates keep."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..contract import REST, Contract, ContractError, Permission, UpdateRow
from ..judge.following import unequal
from ..judge.movers import TRAIN_MODE, WRITE, mover_of_step, mover_of_write
from ..observe.ledger import is_nonzero
from ..observe.records import BackwardPass, OptimizerStep, UpdateRecord, Write
from ..observe.rows import assign_rows
from ..results import Finding, Results

_MOST_CORRECTIONS = 8
"""Each correction allows more, so the number is only a bound."""


def propose(
    contract: Contract, records: Sequence[UpdateRecord], judged: Callable[[Contract], Results]
) -> Contract:
    """Return a contract that allows what the records show, and as little else as possible.

    Args:
        contract: with the modules and optimizers; its permissions are ignored.
        records: of all updates. Their rows are set.
        judged: returns the results of the records under a contract.
    """
    proposed = replace(contract, updates=_parts(contract, records))
    for record in records:
        assign_rows(record, proposed)
    proposed = _with_joint_parts(proposed, records)
    updates = {
        update: _permission(update, proposed, records)
        for update in dict.fromkeys(record.update for record in records)
    }
    proposed = replace(
        proposed,
        updates=updates,
        holds=_holds(proposed, updates, records),
        equal_at_start=_equal_pairs(updates, records),
    )
    for _ in range(_MOST_CORRECTIONS):
        corrected = _corrected(proposed, judged(proposed).findings)
        if corrected == proposed:
            break
        proposed = corrected
    return proposed


def _parts(contract: Contract, records: Sequence[UpdateRecord]) -> dict[str, Permission]:
    """Return an empty permission per update, split if several optimizers step in it."""
    parts: dict[str, dict[str, Permission]] = {}
    for record in records:
        named = parts.setdefault(record.update, {})
        for step in record.steps():
            if step.optimizer in contract.optimizers:
                named[step.optimizer] = Permission()
    return {
        update: Permission(split={**named, REST: Permission()} if len(named) > 1 else {})
        for update, named in parts.items()
    }


def _with_joint_parts(contract: Contract, records: Sequence[UpdateRecord]) -> Contract:
    """Return the contract with a part for each group of optimizers that share a pass."""
    updates = dict(contract.updates)
    for update, permission in contract.updates.items():
        own = [record for record in records if record.update == update]
        joint = {e.row.parts for r in own for e in r.passes() if len(e.row.parts) > 1}
        if not joint:
            continue
        singles = {e.row.parts[0] for r in own for e in r.passes() if len(e.row.parts) == 1}
        within = {part for parts in joint for part in parts} - singles
        parts = [name for name in permission.split if name not in within | {REST}]
        names = ["+".join(each) for each in sorted(joint)] + parts + [REST]
        updates[update] = Permission(split=dict.fromkeys(names, Permission()))
    result = replace(contract, updates=updates)
    if updates != contract.updates:
        for record in records:
            assign_rows(record, result)
    return result


def _permission(update: str, contract: Contract, records: Sequence[UpdateRecord]) -> Permission:
    own = [record for record in records if record.update == update]
    if not contract.updates[update].split:
        return _of_row(UpdateRow(update), contract, own)
    rows = dict(zip(contract.updates[update].split, contract.rows_of(update), strict=True))
    permissions = {name: _of_row(row, contract, own) for name, row in rows.items()}
    empty = Permission()
    return Permission(
        split={name: each for name, each in permissions.items() if each != empty or name != REST}
    )


def _of_row(row: UpdateRow, contract: Contract, records: Sequence[UpdateRecord]) -> Permission:
    trained: dict[str, set[int]] = {}
    trainable: dict[str, set[int]] = {}
    written: set[str] = set()
    follows: dict[str, str] = {}
    moved: set[str] = set()
    for record in records:
        for name in contract.modules:
            entries = record.inventory.by_owner[name]
            keys = {id(entry.tensor) for entry in entries if not entry.is_alias}
            required = record.required
            trainable.setdefault(name, set()).update(k for k in keys if required.get(k))
        for owner, key in _trained(record, row):
            trained.setdefault(owner, set()).add(key)
        written |= _written(record, row)
        for owner, source in _moved(record, row):
            if source and equals(record, owner, source) is not None:
                follows.setdefault(owner, source)
            else:
                moved.add(owner)
    names = list(contract.modules)
    full = tuple(n for n in names if trained.get(n) and trainable[n] <= trained[n])
    return Permission(
        trains=full,
        optional=tuple(n for n in names if trained.get(n) and n not in full),
        through=tuple(n for n in names if n in written and n not in trained),
        follows={n: follows[n] for n in names if n in follows and n not in moved},
        moves=tuple(n for n in names if n in moved and (row.parts == (REST,) or n not in trained)),
    )


def _trained(record: UpdateRecord, row: UpdateRow) -> Iterator[tuple[str, int]]:
    """Yield (module, entry) that steps moved by a gradient of the row."""
    passes = set(record.passes(row))
    for step in record.steps():
        for change in step.changes:
            key = id(change.entry.tensor)
            sources = step.sources.get(key, [])
            by_hand = not sources and step.row == row and key in step.gradients
            if any(each in passes and _delivers(each, key) for each in sources) or (
                by_hand and is_nonzero(step.gradients[key])
            ):
                yield from ((owner, key) for owner in change.entry.owners)


def _delivers(backward: BackwardPass, key: int) -> bool:
    return key in backward.delivered and is_nonzero(backward.delivered[key])


def _written(record: UpdateRecord, row: UpdateRow) -> set[str]:
    """Return the modules to which the passes of a row deliver a gradient other than zero."""
    entries = record.inventory.entries
    return {
        owner
        for each in record.passes(row)
        if each.accumulates
        for key in each.delivered
        if _delivers(each, key)
        for owner in entries[key].owners
    }


def _moved(record: UpdateRecord, row: UpdateRow) -> Iterator[tuple[str, str]]:
    """Yield (module, source of a Polyak average or "") for the writes of a row."""
    writes = list(record.writes(row))
    groups = [(write, writes) for write in writes]
    for step in record.steps(row):
        in_hooks = [Write(row, c) for c in step.changes if mover_of_step(step, c).cause == WRITE]
        groups += [(write, in_hooks) for write in in_hooks]
    for write, beside in groups:
        owners = write.change.entry.owners
        mover = mover_of_write(record, write, {}, beside)
        if mover.cause != TRAIN_MODE or not _trains_any(record, row, owners):
            yield from ((owner, mover.source) for owner in owners)


def _trains_any(record: UpdateRecord, row: UpdateRow, owners: Sequence[str]) -> bool:
    return any(owner in owners for owner, _ in _trained(record, row))


def _holds(
    contract: Contract, updates: Mapping[str, Permission], records: Sequence[UpdateRecord]
) -> dict[str, tuple[str, ...]]:
    """Return optimizer → modules that it holds and that its updates do not train."""
    stepping: dict[str, set[str]] = {}
    held: dict[str, set[str]] = {}
    for record in records:
        entries = record.inventory.entries
        for name, keys in record.optimizers.items():
            owners = {o for key in keys if key in entries for o in entries[key].owners}
            held.setdefault(name, set()).update(owners)
        for event in record.events:
            if isinstance(event, OptimizerStep):
                permission = updates[record.update]
                parts = permission.split.values() if permission.split else [permission]
                if permission.split:
                    named = permission.split.items()
                    parts = [p for n, p in named if event.optimizer in (n, *n.split("+"))]
                trained = {m for p in parts for m in (*p.trains, *p.optional)}
                stepping.setdefault(event.optimizer, set()).update(trained)
    return {
        name: tuple(m for m in contract.modules if m in held[name] - stepping.get(name, set()))
        for name in contract.optimizers
        if held.get(name, set()) - stepping.get(name, set())
    }


def _equal_pairs(
    updates: Mapping[str, Permission], records: Sequence[UpdateRecord]
) -> dict[str, str]:
    """Return the followers that equal their sources when the audit begins."""
    pairs: dict[str, str] = {}
    for permission in updates.values():
        for each in (permission, *permission.split.values()):
            pairs |= each.follows
    return {follower: s for follower, s in pairs.items() if equals(records[0], follower, s)}


def equals(record: UpdateRecord, target: str, source: str) -> bool | None:
    """Return True if `target` equals `source` when the record begins.

    None: their tensors have different names or shapes.
    """
    try:
        return not list(unequal(record, target, source))
    except ContractError:
        return None


def _corrected(contract: Contract, findings: Sequence[Finding]) -> Contract:
    """Return the contract with weaker requirements where the findings show that they are broken."""
    updates = dict(contract.updates)
    for finding in findings:
        row, module = finding.row, finding.module
        if row.update in updates:
            permission = updates[row.update]
            name = next((n for n, r in _split_rows(contract, row.update) if r == row), None)
            if name is not None:
                inner = _weaker(permission.split[name], finding, module)
                updates[row.update] = replace(permission, split={**permission.split, name: inner})
            elif not row.parts:
                updates[row.update] = _weaker(permission, finding, module)
    return replace(contract, updates=updates)


def _split_rows(contract: Contract, update: str) -> list[tuple[str, UpdateRow]]:
    split = contract.updates[update].split
    return list(zip(split, contract.rows_of(update), strict=True)) if split else []


def _weaker(permission: Permission, finding: Finding, module: str) -> Permission:
    if finding.verdict == "starved" and module in permission.trains:
        return replace(
            permission,
            trains=tuple(n for n in permission.trains if n != module),
            optional=(*permission.optional, module),
        )
    if module in permission.follows:
        return replace(
            permission,
            follows={f: s for f, s in permission.follows.items() if f != module},
            moves=tuple(dict.fromkeys((*permission.moves, module))),
        )
    if finding.kind == "written" and finding.verdict == "leaked":
        return replace(permission, through=tuple(dict.fromkeys((*permission.through, module))))
    if finding.verdict == "moved_by_other" and finding.kind in ("moved", "modes"):
        return replace(permission, moves=tuple(dict.fromkeys((*permission.moves, module))))
    return permission
