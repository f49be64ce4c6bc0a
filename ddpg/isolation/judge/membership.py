"""Which optimizer holds which module's parameters, against which it may."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ..contract import Contract, UpdateRow
from ..observe.inventory import Entry
from ..observe.records import UpdateRecord
from ..results import SETUP
from .problems import Problem, names_in, some


def misheld(records: Sequence[UpdateRecord], contract: Contract) -> Iterator[Problem]:
    """Foreign parameters, and those held twice."""
    held: dict[str, list[int]] = {}
    entries: dict[int, Entry] = {}
    stepping: dict[str, list[UpdateRow]] = {}
    for record in records:
        held |= record.optimizers
        entries |= record.inventory.entries
        for step in record.steps():
            rows = stepping.setdefault(step.optimizer, [])
            if step.row not in rows:
                rows.append(step.row)
    for name in held.keys() - stepping.keys():  # the rows that are named after an optimizer
        stepping[name] = [row for row in contract.rows() if name in (row.parts or (row.update,))]
    allowed = {name: _allowed(name, stepping[name], contract) for name in held}
    holders: dict[int, list[str]] = {}
    for name, keys in held.items():
        where = next(iter(stepping.get(name, ())), SETUP)
        if where != SETUP:
            inside = [entries[key] for key in keys if key in entries]
            yield from _foreign(name, where, inside, allowed[name])
        places = Counter(_place(entries[key]) for key in keys if key in entries)
        for key in dict.fromkeys(keys):
            if key in entries:
                holders.setdefault(key, []).append(name)
                if places[_place(entries[key])] > 1:
                    yield from _twice(entries[key], f"the optimizer {name!r} holds it twice", where)
    for key, names in holders.items():
        owners = set(entries[key].owners)
        barred = [name for name in names if not owners & allowed[name]]
        trainers = [row for row in contract.rows() if owners & set(contract.permission(row).trains)]
        if len(trainers) == 1:  # one that never stepped is not that update's
            barred += [
                name
                for name in names
                if not stepping[name] and not owners & set(contract.holds.get(name, ()))
            ]
        if len(names) > 1 and barred:
            where = next(iter(stepping.get(barred[0], ())), SETUP)
            yield from _twice(
                entries[key], f"the optimizers {' and '.join(map(repr, names))} both hold it", where
            )


def _allowed(name: str, rows: Sequence[UpdateRow], contract: Contract) -> set[str]:
    """What the updates in which it steps train; if it never stepped, what any update trains."""
    permissions = [contract.permission(row) for row in rows or contract.rows()]
    trained = {module for each in permissions for module in (*each.trains, *each.optional)}
    return trained | set(contract.holds.get(name, ()))


def _place(entry: Entry) -> tuple[int, int]:
    """Where its values lie: two parameters may be one and the same storage."""
    tensor = entry.tensor
    return (tensor.data_ptr(), 0) if tensor.numel() else (0, id(tensor))


def _foreign(
    optimizer: str, where: UpdateRow, entries: Sequence[Entry], allowed: set[str]
) -> Iterator[Problem]:
    foreign: dict[str, list[Entry]] = {}
    for entry in entries:
        if not set(entry.owners) & allowed:
            for owner in entry.owners:
                foreign.setdefault(owner, []).append(entry)
    for owner, found in foreign.items():
        names = names_in(owner, found)
        yield Problem(
            where,
            owner,
            "leaked",
            "membership",
            f"the optimizer {optimizer!r} holds parameters of {owner} ({some(names)}), which no "
            "update that it makes a step for trains",
            names,
        )


def _twice(entry: Entry, what: str, where: UpdateRow) -> Iterator[Problem]:
    for owner in entry.owners:
        names = names_in(owner, [entry])
        yield Problem(where, owner, "leaked", "membership", f"{owner}.{names[0]}: {what}", names)


def orphaned(record: UpdateRecord, contract: Contract) -> Iterator[Problem]:
    """Parameters that an optimizer held before the update, and none holds after it."""
    if record.after is None:
        return
    trained = {
        module
        for row in contract.rows()
        for module in (*contract.permission(row).trains, *contract.permission(row).optional)
    }
    for module in trained:
        held = {key for keys in record.optimizers.values() for key in keys}
        still = {key for keys in record.optimizers_after.values() for key in keys}
        before, after = record.inventory.within(module), record.after.within(module)
        names = tuple(
            name
            for name, tensor in after.items()
            if name in before and id(before[name]) in held and id(tensor) not in still
        )
        if names:
            yield Problem(
                record.row,
                module,
                "starved",
                "membership",
                f"after {record.update} no optimizer holds {module} ({some(names)}) any more: "
                "it was replaced, and the optimizers still hold what was there before",
                names,
            )
