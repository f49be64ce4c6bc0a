"""Repeated groups of events in one update, folded into the first of each kind.

A group is one or more backward passes, the steps after them and the writes in between. An update of
hundreds of minibatches repeats a few kinds of groups, so its record needs memory per parameter
instead of per step.
"""

from collections.abc import Hashable, Iterable
from typing import Any

from torch import Tensor

from .ledger import Change, is_nonzero
from .records import BackwardPass, ForwardCall, OptimizerStep, UpdateRecord, Write


class Repeats:
    """Folds the groups of one record. Groups of one kind touch the same entries in the same way."""

    def __init__(self, record: UpdateRecord) -> None:
        self._record = record
        self._groups: dict[Hashable, list[Any]] = {}
        self._kinds: dict[BackwardPass, Hashable] = {}
        self._first_event = self._first_call = 0

    def end_group(self) -> None:
        """End the group of events, if it has a step. Call it before each backward pass."""
        record = self._record
        group, calls = record.events[self._first_event :], record.calls[self._first_call :]
        if not any(isinstance(event, OptimizerStep) for event in group):
            return
        kind = (frozenset(map(_kind_of_call, calls)), *(self._kind(e, group) for e in group))
        known = self._groups.setdefault(kind, group)
        if known is not group:
            for old, new in zip(known, group, strict=True):
                _fold(old, new)
            del record.events[self._first_event :], record.calls[self._first_call :]
        self._first_event, self._first_call = len(record.events), len(record.calls)

    def _kind(self, event: object, group: list[Any]) -> Hashable:
        if isinstance(event, BackwardPass):
            kind = _kind_of_pass(event)
            self._kinds[event.representative] = kind
            return kind
        if isinstance(event, OptimizerStep):
            return self._kind_of_step(event, group)
        assert isinstance(event, Write)
        call = None if event.call is None else _kind_of_call(event.call)
        return ("write", _kind_of_change(event.change), call)

    def _kind_of_step(self, step: OptimizerStep, group: list[Any]) -> Hashable:
        sources = {
            (key, group.index(each) if each in group else self._kinds.get(each, id(each)))
            for key, passes in step.sources.items()
            for each in passes
        }
        return (
            "step",
            step.optimizer,
            frozenset(step.held),
            _which_are_zero(step.gradients),
            frozenset(step.momentum),
            frozenset(step.decay),
            frozenset(map(_kind_of_change, step.changes)),
            frozenset(sources),
        )


def _kind_of_pass(backward: BackwardPass) -> Hashable:
    terms = (
        (name, frozenset(reached), _which_are_zero(gradients))
        for name, (reached, gradients) in backward.terms.items()
    )
    return (
        "pass",
        frozenset(backward.reached),
        _which_are_zero(backward.delivered),
        frozenset(terms),
        frozenset(backward.outdated.items()),
        frozenset(map(_kind_of_call, backward.calls)),
        tuple(value.shape for value, _ in backward.elsewhere),
        backward.accumulates,
        backward.raised,
    )


def _kind_of_call(call: ForwardCall) -> Hashable:
    return (call.label, call.training, call.grad_enabled, call.needing_grad, call.depth)


def _kind_of_change(change: Change) -> Hashable:
    return (id(change.entry.tensor), change.before.shape, change.after.shape)


def _which_are_zero(gradients: dict[int, Tensor]) -> Hashable:
    return frozenset((key, is_nonzero(gradient)) for key, gradient in gradients.items())


def _fold(old: Any, new: Any) -> None:
    """Add an event to an earlier one of the same kind."""
    if isinstance(old, BackwardPass):
        for key, gradient in new.delivered.items():
            old.delivered[key] = old.delivered[key] + gradient
        new.folded_into, new.delivered, new.terms, new.elsewhere = old, {}, {}, []
    elif isinstance(old, OptimizerStep):
        old.gradients = new.gradients
        _fold_changes(old.changes, new.changes)
    else:
        _fold_changes([old.change], [new.change])


def _fold_changes(old: Iterable[Change], new: Iterable[Change]) -> None:
    later = {id(change.entry.tensor): change for change in new}
    for change in old:
        change.fold(later[id(change.entry.tensor)])
