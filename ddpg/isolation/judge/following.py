"""Followers: modules that an update should move towards another module, such as target networks."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

import torch
from torch import Tensor

from ..contract import Contract, ContractError
from ..observe.inventory import Entry, Inventory, unwrapped_name
from ..observe.ledger import Change
from ..observe.precision import in_float64
from ..observe.records import OptimizerStep, UpdateRecord, Write
from ..results import SETUP, Verdict
from .facts import Facts
from .problems import Problem, names_in


@dataclass
class Following:
    """Tensors of a follower in one run of a row.

    Attributes:
        closer: came closer to their source.
        stayed: differ from their source, and did not come closer.
        strayed: moved away from their source.
    """

    closer: list[Entry] = field(default_factory=list)
    stayed: list[Entry] = field(default_factory=list)
    strayed: list[Entry] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """The follower equalled its source, so that it could not come closer."""
        return not (self.closer or self.stayed or self.strayed)


def following(facts: Facts, source: str) -> Following:
    """Compare each change of a follower with the value that the source had at that moment."""
    record, follower = facts.record, facts.module
    result = Following()
    changes_of = {each[-1].entry.names.get(follower): each for each in facts.changes.values()}
    timeline = _Timeline(record, source)
    for entry, other_name, other in _pairs(record.inventory, follower, source):
        if id(entry.tensor) not in record.start or not entry.tensor.is_floating_point():
            continue
        outcomes = [
            _outcome(change, timeline.values(other_name, other, change))
            for change in changes_of.get(entry.names[follower], ())
        ]
        if "closer" in outcomes:
            result.closer.append(entry)
        elif "away" in outcomes:
            result.strayed.append(entry)
        elif _differs(record, entry, other):
            result.stayed.append(entry)
    return result


def lagging(facts: Facts, source: str, result: Following) -> Iterator[Problem]:
    """Yield tensors of a follower that the row did not move closer to their source."""
    row, follower = facts.row, facts.module
    outcomes: tuple[tuple[list[Entry], Verdict, str], ...] = (
        (result.stayed, "starved", "did not come closer"),
        (result.strayed, "moved_by_other", "moved away"),
    )
    for entries, verdict, outcome in outcomes:
        if entries:
            yield Problem(
                row,
                follower,
                verdict,
                "moved",
                f"{row}: {follower} should follow {source}, but {outcome}",
                names_in(follower, entries),
                rounds="every" if verdict == "starved" else "any",
                tail=" ({})",
            )


def unequal(record: UpdateRecord, target: str, source: str) -> Iterator[Problem]:
    """Yield tensors of `target` that do not equal those of `source` when the record begins."""
    start = record.start
    entries = [
        entry
        for entry, _, other in _pairs(record.inventory, target, source)
        if id(entry.tensor) in start
        and not bool((start[id(entry.tensor)] == start.get(id(other), other)).all())
    ]
    if entries:
        yield Problem(
            SETUP,
            target,
            "starved",
            "moved",
            f"{target} should equal {source} at the start, but differs",
            names_in(target, entries),
            tail=" ({})",
        )


def check_pairs(inventory: Inventory, contract: Contract) -> None:
    """Check that every follower and target has the tensors of its source.

    Raises:
        ContractError: a source has no tensor of that name, or one of another shape.
    """
    permissions = [contract.permission(row) for row in contract.rows()]
    pairs = [pair for each in permissions for pair in each.follows.items()]
    for follower, source in (*pairs, *contract.equal_at_start.items()):
        for _ in _pairs(inventory, follower, source):
            pass


def _outcome(change: Change, targets: Iterable[Tensor]) -> str:
    """Return `closer`, `away` or `same` for a change and the possible values of the source."""
    outcomes: set[str] = set()
    for target in targets:
        was, now = _distance(change.before, target), _distance(change.after, target)
        if now < was:
            return "closer"
        outcomes.add("away" if now > was + _rounding(target) else "same")
    return "away" if outcomes == {"away"} else "same"


class _Timeline:
    """Values of a source at the changes of other tensors.

    The changes between two comparisons have no order: a source that changed in the same step, or
    in the same series of writes, counts with its old and with its new value.
    """

    def __init__(self, record: UpdateRecord, source: str) -> None:
        self._record = record
        self._batches: dict[int, int] = {}
        self._of_source: dict[str, list[tuple[int, Change]]] = {}
        batch, in_writes = 0, False
        for event in record.events:
            if isinstance(event, OptimizerStep):
                batch, in_writes, changes = batch + 1, False, event.changes
            elif isinstance(event, Write):
                batch, in_writes, changes = batch + (not in_writes), True, [event.change]
            else:
                in_writes, changes = False, []
            for change in changes:
                self._batches[id(change)] = batch
                if source in change.entry.names:
                    name = change.entry.names[source]
                    self._of_source.setdefault(name, []).append((batch, change))

    def values(self, name: str, other: Tensor, change: Change) -> list[Tensor]:
        """Return the values that the source's tensor could have at the change."""
        batch = self._batches[id(change)]
        before = self._record.start.get(id(other), other)
        after = before
        for number, each in self._of_source.get(name, ()):
            if number < batch:
                before = each.after
            if number <= batch:
                after = each.after
        return [before] if before is after else [after, before]


def _differs(record: UpdateRecord, entry: Entry, other: Tensor) -> bool:
    """Return True if the entry differs from its source at both ends of the update.

    Differences up to a relative 1e-4 count as equal.
    """
    for values in (record.start, record.end):
        target = in_float64(values.get(id(other), other))
        if _distance(values[id(entry.tensor)], target) <= 1e-4 * float(target.norm()):
            return False
    return True


def _pairs(inventory: Inventory, follower: str, source: str) -> Iterator[tuple[Entry, str, Tensor]]:
    """Yield the follower's entries with the name and the tensor of the same name in the source.

    Names are compared without the prefixes of wrappers such as DataParallel, then without the
    prefix that all names of a module share, as in a wrapper of the user.

    Raises:
        ContractError: the source has no tensor of that name, or one of another shape.
    """
    sources, followers = inventory.within(source), inventory.within(follower)
    unwrapped = {unwrapped_name(name): name for name in sources}
    inner, inner_name = _shared_prefix(sources), _shared_prefix(followers)
    unprefixed = {name.removeprefix(inner): name for name in sources}
    for name, tensor in followers.items():
        entry = inventory.entries[id(tensor)]
        if follower not in entry.owners or entry.is_alias:
            continue
        other_name = name if name in sources else unwrapped.get(unwrapped_name(name), "")
        other_name = other_name or unprefixed.get(name.removeprefix(inner_name), "")
        if not other_name and name.rpartition(".")[2] == "n_averaged":
            continue  # a counter of AveragedModel
        if not other_name or sources[other_name].shape != tensor.shape:
            raise ContractError(
                f"{follower!r} cannot follow or equal {source!r}: {source!r} has no tensor "
                f"{name!r} of shape {list(tensor.shape)}"
            )
        if sources[other_name] is not tensor:
            yield entry, other_name, sources[other_name]


def _shared_prefix(names: Iterable[str]) -> str:
    """Return the leading parts that all names have in common, with the dot at the end."""
    parts = [name.split(".")[:-1] for name in names]
    levels = zip(*parts, strict=False)
    shared = [each[0] for each in takewhile(lambda each: len(set(each)) == 1, levels)]
    return "".join(f"{each}." for each in shared)


def _rounding(target: Tensor) -> float:
    """Return the largest rounding error of (1 − tau)·x + tau·x in the dtype of x."""
    return 4 * torch.finfo(target.dtype).eps * float(in_float64(target).norm())


def _distance(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape:
        return math.inf
    if one.dtype == torch.float32 and one.device.type == "cpu":  # without copies in float64
        return float(torch.linalg.vector_norm(one - other, dtype=torch.float64))
    return float((in_float64(one) - in_float64(other)).norm())
