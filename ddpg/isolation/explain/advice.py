"""Advice for a path into a module: where a stop could be, and which."""

from dataclasses import dataclass

from ..contract import Permission
from ..results import Finding, PathStep
from .sources import UserLine


@dataclass(frozen=True)
class ModulePath:
    """Path from a loss to the first parameter of a module.

    Attributes:
        entry: the user's line where the path enters the module.
        through: other modules that the loss reaches through this one.
        around: other modules that the loss reaches without this one.
    """

    steps: tuple[PathStep, ...]
    entry: UserLine
    through: tuple[str, ...]
    around: frozenset[str]


def stop_for(finding: Finding, permission: Permission, path: ModulePath) -> str:
    """Return the advice for a finding with this path."""
    module, place = finding.module, path.entry.place
    at = f" at {place}" if place else ""
    if finding.kind == "order":
        return (
            f"change {module} after the backward pass, or run its forward pass{at} again after "
            "the change"
        )
    if finding.loss:
        permission = permission.terms.get(finding.loss, permission)
    trained = [each for each in path.through if permission.may_train(each)]
    if finding.loss and not trained:
        return (
            f"leave the term {finding.loss!r} out of the sum, or compute it from the detached "
            f"output of {module}{at}: other terms need the graph"
        )
    if not trained:
        return f"detach the output of {module}{at}, or compute it under torch.no_grad()"
    names = " and ".join(trained)
    freeze = _freeze(module, place, names, moved=finding.kind == "moved")
    if path.around.issuperset(trained) and module not in permission.through:
        return (
            f"if {names} should not learn through {module}, detach its output{at}; "
            f"if it should, {freeze}"
        )
    return f"do not detach: {names} gets its gradient through {module}; {freeze}"


def stop_for_value(finding: Finding) -> str:
    """Return the advice for a value that was changed before its backward pass."""
    if finding.tensors:
        return f"change {finding.module} after the backward pass"
    return "change a copy of the value (x = x + y instead of x += y)"


def _freeze(module: str, place: str, trained: str, moved: bool) -> str:
    """Return advice for a module that a gradient must go through."""
    last = (
        f"clear {module}'s .grad before the next backward pass that its optimizer applies"
        if moved
        else f"or declare through={module!r} if this is intended"
    )
    return (
        f"freeze {module} (requires_grad_(False)) around {place or 'its call'}, or call "
        f"backward(inputs=...) with the parameters of {trained} only; {last}"
    )
