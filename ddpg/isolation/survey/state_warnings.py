"""Warnings about modules: never trained, never frozen, targets that do not follow."""

import ast
import linecache
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any

from torch import Tensor, nn

from ..explain.sources import Frame
from ..observe.inventory import unwrapped_name
from ..observe.ledger import same_bits
from ..observe.records import UpdateRecord
from .discovery import tensors_of
from .warnings import Evidence, SurveyWarning

_FLAG = "requires_grad"
_SIMILAR = 0.85
"""Similarity of a misspelled attribute to `requires_grad`."""


def module_warnings(
    evidence: Evidence, unequal: Iterable[tuple[str, str]]
) -> Iterator[SurveyWarning]:
    """Yield warnings about modules.

    Args:
        unequal: (target, source) that differed before the first step of the source's optimizer.
    """
    changed = evidence.changed()
    reached = {
        owner
        for record in evidence.records
        for each in record.passes()
        for key in each.reached
        for owner in record.inventory.entries[key].owners
    }
    for module in evidence.contract.modules:
        if module in changed:
            continue
        source = _twin(evidence, module, changed)
        if source and module not in reached and evidence.is_called(module):
            yield SurveyWarning(
                "never_follows",
                module,
                f"{module} has the tensors of {source}, which is trained, and never moved in "
                f"{evidence.runs()} rounds: a target that never follows",
                evidence.call_line(module),
            )
        elif _trainable(evidence, module) and (
            module in reached or (evidence.is_called(module) and not _has_twin(evidence, module))
        ):
            yield SurveyWarning(
                "untrained",
                module,
                f"{module} takes part in the updates and its parameters require grad, but nothing "
                "trains it",
                evidence.call_line(module),
            )
    followers = _followers(evidence)
    for target, source in unequal:
        if followers.get(target) == source:
            yield SurveyWarning(
                "unequal_at_start",
                target,
                f"{target} follows {source}, but was not set equal to it before the first step",
                evidence.call_line(target),
            )
    yield from _not_frozen(evidence)


def same_shapes(record: UpdateRecord, one: str, other: str) -> bool:
    """Return True if two modules have tensors of the same names and shapes."""
    return _shapes(record, one) == _shapes(record, other) != set()


def _shapes(record: UpdateRecord, module: str) -> set[tuple[str, tuple[int, ...]]]:
    within = record.inventory.within(module)
    return {(unwrapped_name(name), tuple(tensor.shape)) for name, tensor in within.items()}


def _twin(evidence: Evidence, module: str, changed: dict[str, set[str]]) -> str:
    """Return a module with the same tensors that a step moves and whose values differ."""
    record = evidence.records[-1]
    if not isinstance(record.inventory.modules[module], nn.Module):
        return ""
    for other, by in changed.items():
        if other == module or by == {""} or not same_shapes(record, module, other):
            continue
        mine, its = record.inventory.within(module), record.inventory.within(other)
        values = zip(sorted(mine), sorted(its), strict=True)
        if any(not same_bits(mine[m], its[i]) for m, i in values):
            return other
    return ""


def _has_twin(evidence: Evidence, module: str) -> bool:
    record = evidence.records[-1]
    return any(
        each != module and same_shapes(record, module, each) for each in record.inventory.modules
    )


def _trainable(evidence: Evidence, module: str) -> bool:
    first = evidence.records[0]
    return any(first.required.get(id(e.tensor)) for e in first.inventory.by_owner[module])


def _followers(evidence: Evidence) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for permission in evidence.contract.updates.values():
        for each in (permission, *permission.split.values()):
            pairs |= each.follows
    return pairs


def _not_frozen(evidence: Evidence) -> Iterator[SurveyWarning]:
    """Yield modules and parameters with an attribute that looks like a freeze and is none."""
    for name, value in evidence.records[-1].inventory.modules.items():
        for attribute in dict.fromkeys(_false_flags(value)):
            yield SurveyWarning(
                "not_frozen",
                name,
                f"{attribute} = False on {name} freezes nothing: its parameters still require grad "
                f"(use {name}.requires_grad_(False))",
                _assignment(evidence, attribute),
            )


def _false_flags(value: Any) -> Iterator[str]:
    """Yield the attributes that were meant to be `requires_grad` of parameters."""
    tensors: list[Tensor] = tensors_of(value)
    if not any(tensor.requires_grad for tensor in tensors):
        return
    parts = list(value.modules()) if isinstance(value, nn.Module) else []
    for part in parts:
        if vars(part).get(_FLAG) is False and any(p.requires_grad for p in part.parameters()):
            yield _FLAG
    for each in (*parts, *tensors):
        for attribute, content in vars(each).items():
            similar = SequenceMatcher(None, attribute, _FLAG).ratio() >= _SIMILAR
            if content is False and attribute != _FLAG and similar:
                yield attribute


def _assignment(evidence: Evidence, attribute: str) -> str:
    """Return the first line in the user's files that assigns False to the attribute."""
    for file in evidence.surveyor.files:
        try:
            tree = ast.parse("".join(linecache.getlines(file)))
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and getattr(node.value, "value", None) is False:
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr == attribute:
                        return str(Frame(file, node.lineno, ""))
    return ""
