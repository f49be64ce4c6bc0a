"""Optimizers of a contract, and optimizers that delegate to another one."""

from collections.abc import Iterable, Mapping

from torch import Tensor
from torch.optim import Optimizer

from ..contract import Contract, not_allowed


def optimizers_of(contract: Contract) -> dict[str, Optimizer]:
    """Return the present optimizers of the contract."""
    optimizers: dict[str, Optimizer] = {}
    for name, value in contract.optimizers.items():
        returned = value if hasattr(value, "param_groups") or not callable(value) else value()
        optimizer = _optimizer_in(returned)
        if optimizer is None:
            place = f"optimizers[{name!r}], a function that returns"
            raise not_allowed(place, returned, "a torch.optim.Optimizer")
        optimizers[name] = optimizer
    return optimizers


def held_by(optimizer: Optimizer) -> list[Tensor]:
    """Return the tensors in the optimizer's groups, one item per occurrence."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def are_one(one: Optimizer, other: Optimizer) -> bool:
    """Return True for an optimizer and one around it: they share groups, or one has the other."""
    if one is other or one.param_groups is other.param_groups:
        return True
    if {id(group) for group in one.param_groups} & {id(group) for group in other.param_groups}:
        return True
    return any(value is other for value in vars(one).values()) or any(
        value is one for value in vars(other).values()
    )


def name_of(
    optimizer: Optimizer, known: Mapping[str, Optimizer], parts: Iterable[str]
) -> str | None:
    """Return the name of an optimizer, or of one that is one with it.

    Args:
        known: name → optimizer.
        parts: of the running update. If several names fit, one of these comes first.
    """
    same = [name for name, each in known.items() if each is optimizer]
    names = same or [name for name, each in known.items() if are_one(each, optimizer)]
    ones = [name for name, each in known.items() if are_one(each, optimizer)]
    return next((name for name in ones if name in parts), next(iter(names), None))


def delegates_among(optimizers: Mapping[str, Optimizer]) -> dict[str, str]:
    """Return name → earlier name of an optimizer that is one with it."""
    found: dict[str, str] = {}
    names = list(optimizers)
    for index, name in enumerate(names):
        for earlier in names[:index]:
            if are_one(optimizers[earlier], optimizers[name]):
                found[name] = found.get(earlier, earlier)
                break
    return found


def _optimizer_in(value: object) -> Optimizer | None:
    """Return the optimizer itself, or the one in a wrapper such as Lightning's."""
    if isinstance(value, Optimizer):
        return value
    inner = (each for each in getattr(value, "__dict__", {}).values())
    return next((each for each in inner if isinstance(each, Optimizer)), None)
