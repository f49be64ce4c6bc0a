"""Effects of one run of an update on one module, as numbers."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

import torch
from torch import Tensor

from ..contract import UpdateRow
from ..observe.autograd import norms
from ..observe.inventory import Entry
from ..observe.ledger import Change, is_nonzero, same_bits
from ..observe.precision import in_float64
from ..observe.records import BackwardPass, OptimizerStep, UpdateRecord
from ..results import Grade, Written


class Facts:
    """Effects of one row on one module in one record. Keys are identities of entries.

    Args:
        trained: the row may train the module.
        required_first: `requires_grad` of parameters when the audit began.

    Attributes:
        own: entries of the module.
        trainable: parameters that require grad, or did when the audit began; all parameters if
            none does.
        passes: backward passes of the row, and those that it shares.
        reached: entries that the graphs of the row's losses have a path to.
        delivered: sums of the gradients that the row's backward passes delivered.
        returned: sums of the gradients that `autograd.grad` returned.
        written: `.grad` as the row's step found it, or as the update left it.
        changes: entry → changes, in order of time.
    """

    def __init__(
        self,
        record: UpdateRecord,
        row: UpdateRow,
        module: str,
        trained: bool,
        required_first: Mapping[int, bool],
    ) -> None:
        self.record, self.row, self.module = record, row, module
        self.own = {id(e.tensor): e for e in record.inventory.by_owner[module]}
        self.parameters = {
            key for key, e in self.own.items() if key in record.required and not e.is_alias
        }
        self.trainable = {
            key
            for key in self.parameters
            if record.required[key] or record.required_after.get(key) or required_first.get(key)
        } or set(self.parameters)
        self.reached: set[int] = set()
        self.delivered: dict[int, Tensor] = {}
        self.returned: dict[int, Tensor] = {}
        accumulated: set[int] = set()
        # A pass that several steps share counts for every row of these that trains the module.
        shared = [p for p in record.passes() if trained and row in p.row.single_parts()]
        self.passes = list(dict.fromkeys([*record.passes(row), *shared]))
        for each in self.passes:
            self.reached |= each.reached & self.own.keys()
            if each.raised:
                continue
            for key, gradient in each.delivered.items():
                if key in self.own:
                    _add(self.delivered, key, gradient)
                    if each.accumulates:
                        accumulated.add(key)
                    else:
                        _add(self.returned, key, gradient)
        self.written = self._written(accumulated)
        self.changes = self._changes()

    def _written(self, accumulated: set[int]) -> dict[int, Tensor]:
        record = self.record
        written: dict[int, Tensor] = {}
        stepped = {key for step in record.steps() for key in step.held}
        for key in self.own:
            before, after = record.gradients_before.get(key), record.gradients_after.get(key)
            new = after is not None and (before is None or not same_bits(before, after))
            # A gradient that was written by hand belongs to the whole update, not to a part.
            by_hand = new and key not in stepped and self.row == record.row
            if after is not None and (key in accumulated or by_hand):
                # The rest of `.grad` can come from the passes of another row.
                from_row = by_hand or is_nonzero(self.delivered[key])
                written[key] = after if from_row else self.delivered[key]
        for step in record.steps(self.row):
            for key in step.held & self.own.keys():
                written.pop(key, None)
                rows = {source.row for source in step.sources.get(key, [])}
                # A gradient of no pass was written by hand.
                from_row = not rows or key in accumulated or self.row in rows
                if key in step.gradients and from_row:
                    written[key] = step.gradients[key]
        return written

    def _changes(self) -> dict[int, list[Change]]:
        changes: dict[int, list[Change]] = {}
        for event in self.record.events:  # in order of time
            if event.row != self.row or isinstance(event, BackwardPass):
                continue
            for change in event.changes if isinstance(event, OptimizerStep) else [event.change]:
                if self.module in change.entry.owners and not change.entry.is_alias:
                    changes.setdefault(id(change.entry.tensor), []).append(change)
        return {key: each for key, each in changes.items() if _differs(each)}

    def moved(self) -> list[Entry]:
        return [changes[0].entry for changes in self.changes.values()]

    def entries(self, keys: AbstractSet[int]) -> list[Entry]:
        """Return the module's entries among `keys`, in the order of the module."""
        return [entry for key, entry in self.own.items() if key in keys]

    def nonzero(self, gradients: Mapping[int, Tensor]) -> set[int]:
        return {key for key, gradient in gradients.items() if is_nonzero(gradient)}

    def written_state(self) -> Written:
        if not self.written:
            return "none"
        return "nonzero" if self.nonzero(self.written) else "zero"

    def grade(self) -> Grade:
        if self.changes:
            return Grade.MOVED
        gradients = self.gradients()
        if not gradients:
            return Grade.NOTHING
        return Grade.NONZERO if self.nonzero(gradients) else Grade.ZERO

    def gradients(self) -> dict[int, Tensor]:
        """Return `written`, else `returned`, in the order of the module.

        A norm depends on the order in its last bit.
        """
        gradients = self.written or self.returned
        return {key: gradients[key] for key in self.own if key in gradients}

    def differences(self) -> list[Tensor]:
        """Return the movement of each floating-point entry, in the order of the module.

        Tensors that were assigned to a name of the module come last.
        """
        ordered = [self.changes[key] for key in self.own if key in self.changes]
        ordered += [changes for key, changes in self.changes.items() if key not in self.own]
        return [
            _sum(each.difference() for each in changes)
            for changes in ordered
            if changes[0].before.is_floating_point() and _same_shapes(changes)
        ]

    def grades_by_member(self) -> Tensor:
        """Return the grades `[member]` of a module whose parameters are all `[member, ...]`."""
        members = next(iter(self.own.values())).tensor.shape[0]
        grades = torch.zeros(members, dtype=torch.long)
        for gradient in self.gradients().values():
            grades = grades.maximum(_by_member(gradient != 0, members).long() + 1)
        for changes in self.changes.values():
            if not _same_shapes(changes):
                continue
            different = changes[0].before != changes[-1].end
            grades = torch.where(_by_member(different, members), int(Grade.MOVED), grades)
        return grades


def norm(tensors: Iterable[Tensor]) -> float:
    """Return the L2 norm over all tensors together."""
    listed = [each.float() for each in tensors]
    if not listed:
        return 0.0
    return float(torch.linalg.vector_norm(torch.stack([in_float64(n) for n in norms(listed)])))


def norm_by_member(tensors: Iterable[Tensor], members: int) -> Tensor:
    """Return the L2 norm of each member, `[member]`, over tensors `[member, ...]`."""
    total = torch.zeros(members, dtype=torch.float64)
    for each in tensors:
        norms_of_members = torch.linalg.vector_norm(each.reshape(members, -1), dim=1)
        total += in_float64(norms_of_members).square().cpu()
    return total.sqrt()


def _differs(changes: Sequence[Change]) -> bool:
    """Return False if the changes undo each other, with no change of another row in between."""
    first = changes[0]
    for last, following in pairwise(changes):
        if following.before is not last.end:
            if not same_bits(first.before, last.end):
                return True
            first = following
    return not same_bits(first.before, changes[-1].end)


def _sum(tensors: Iterable[Tensor]) -> Tensor:
    first, *others = tensors
    for each in others:
        first = first + each
    return first


def _by_member(flags: Tensor, members: int) -> Tensor:
    return flags.reshape(members, -1).any(dim=1).cpu()


def _same_shapes(changes: Iterable[Change]) -> bool:
    """Return False if the tensor was replaced by one of another shape."""
    return all(change.before.shape == change.after.shape for change in changes)


def _add(sums: dict[int, Tensor], key: int, gradient: Tensor) -> None:
    sums[key] = sums[key] + gradient if key in sums else gradient
