"""Parameters that the wrong optimizers hold, or that several modules share."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ..contract import Contract, UpdateRow, shortened
from ..observe.inventory import Entry, Inventory
from ..observe.records import UpdateRecord
from ..results import SETUP
from .problems import Problem, names_in


def wrong_holders(records: Sequence[UpdateRecord], contract: Contract) -> Iterator[Problem]:
    """Yield parameters that a foreign optimizer holds, or that are held twice."""
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
    made_steps = dict(stepping)
    for name in held.keys() - stepping.keys():  # the rows that are named after an optimizer
        stepping[name] = [row for row in contract.rows() if name in (row.parts or (row.update,))]
    for name, root in {n: r for record in records for n, r in record.delegates.items()}.items():
        one, other = (name, root) if name in made_steps else (root, name)
        held.pop(other, None)
        made_steps.get(one, []).extend(made_steps.get(other, []))
    allowed = {name: _allowed(name, stepping[name], contract) for name in held}
    for name, keys in held.items():
        known = [entries[key] for key in dict.fromkeys(keys) if key in entries]
        where = _first(stepping[name])
        if where != SETUP:
            yield from _foreign(name, where, known, allowed[name])
        places = Counter(_place(entries[key]) for key in keys if key in entries)
        for entry in known:
            if places[_place(entry)] > 1:
                yield from _held_twice(entry, f"the optimizer {name!r} holds it twice", where)
    yield from _held_by_several(held, entries, stepping, allowed, contract)


def _held_by_several(
    held: dict[str, list[int]],
    entries: dict[int, Entry],
    stepping: dict[str, list[UpdateRow]],
    allowed: dict[str, set[str]],
    contract: Contract,
) -> Iterator[Problem]:
    """Yield parameters of two optimizers, if one of them may not hold the parameter."""
    holders: dict[int, list[str]] = {}
    for name, keys in held.items():
        for key in dict.fromkeys(keys):
            if key in entries:
                holders.setdefault(key, []).append(name)
    for key, names in holders.items():
        owners = set(entries[key].owners)
        barred = [name for name in names if not owners & allowed[name]]
        trainers = [row for row in contract.rows() if owners & set(contract.permission(row).trains)]
        if len(trainers) == 1:  # an optimizer that never stepped is not that of the update
            barred += [
                name
                for name in names
                if not stepping[name] and not owners & set(contract.holds.get(name, ()))
            ]
        if len(names) > 1 and barred:
            sentence = f"the optimizers {' and '.join(map(repr, names))} both hold it"
            yield from _held_twice(entries[key], sentence, _first(stepping[barred[0]]))


def _first(rows: Sequence[UpdateRow]) -> UpdateRow:
    """Return the row of the first step; `setup` if the optimizer made none."""
    return next(iter(rows), SETUP)


def _allowed(name: str, rows: Sequence[UpdateRow], contract: Contract) -> set[str]:
    """Return the modules that the updates train in which the optimizer steps.

    For an optimizer that never stepped these are the modules that any update trains.
    """
    permissions = [contract.permission(row) for row in rows or contract.rows()]
    trained = {module for each in permissions for module in (*each.trains, *each.optional)}
    return trained | set(contract.holds.get(name, ()))


def _place(entry: Entry) -> tuple[int, int]:
    """Return an identity of the values: two parameters may have one storage."""
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
    for owner, held in foreign.items():
        names = names_in(owner, held)
        yield Problem(
            where,
            owner,
            "leaked",
            "membership",
            f"the optimizer {optimizer!r} holds parameters of {owner} ({shortened(names)}), but no "
            f"update in which it steps trains {owner}",
            names,
        )


def _held_twice(entry: Entry, sentence: str, where: UpdateRow) -> Iterator[Problem]:
    for owner in entry.owners:
        names = names_in(owner, [entry])
        message = f"{owner}.{names[0]}: {sentence}"
        yield Problem(where, owner, "leaked", "membership", message, names)


def orphaned(record: UpdateRecord, contract: Contract) -> Iterator[Problem]:
    """Yield parameters that an optimizer held before the update, and none holds after it."""
    if record.after is None:
        return
    held = {key for keys in record.optimizers.values() for key in keys}
    held_after = {key for keys in record.optimizers_after.values() for key in keys}
    permissions = [contract.permission(row) for row in contract.rows()]
    trained = (name for each in permissions for name in (*each.trains, *each.optional))
    for module in dict.fromkeys(trained):
        before, after = record.inventory.within(module), record.after.within(module)
        own = {id(entry.tensor) for entry in record.after.by_owner[module]}
        names = tuple(
            name
            for name, tensor in after.items()
            if name in before and id(before[name]) in held and id(tensor) in own - held_after
        )
        if names:
            yield Problem(
                record.row,
                module,
                "starved",
                "membership",
                f"after {record.update} no optimizer holds {module} ({shortened(names)}): its "
                "parameters were replaced, and the optimizers still hold the old ones",
                names,
            )


def aliased(inventory: Inventory, contract: Contract, row: UpdateRow) -> Iterator[Problem]:
    """Yield modules that share parameters undeclared, and that are declared and share none."""
    tied: dict[tuple[str, str], list[Entry]] = {}
    for entry in inventory.entries.values():
        for owner in entry.owners:
            for other in entry.owners:
                if owner != other:
                    tied.setdefault((owner, other), []).append(entry)
    for (owner, other), entries in tied.items():
        names = names_in(owner, entries)
        yield Problem(
            row,
            owner,
            "leaked",
            "aliasing",
            f"{owner} and {other} share storage ({shortened(names)}), which the contract does not "
            "declare: an update that moves one moves the other",
            names,
        )
    for owner, borrowers in contract.shared.items():
        for borrower in borrowers:
            if not any({owner, borrower} <= holders for _, holders in inventory.groups):
                yield Problem(
                    row,
                    borrower,
                    "starved",
                    "aliasing",
                    f"{borrower} is declared to share parameters of {owner}, but shares none: an "
                    f"update that trains {owner} does not train {borrower}",
                )


def aliased_later(
    setup: Inventory, records: Sequence[UpdateRecord], contract: Contract
) -> Iterator[Problem]:
    """Yield the aliasing that an update made or ended."""
    known = {each.message for each in aliased(setup, contract, SETUP)}
    for record in records:
        if record.after is not None:
            for each in aliased(record.after, contract, record.row):
                if each.message not in known:
                    known.add(each.message)
                    yield each
