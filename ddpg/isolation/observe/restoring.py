"""Dry run: restore everything that updates changed, bit for bit."""

import random
import sys
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..contract import not_allowed, shortened
from .autograd import version_kept
from .inventory import Inventory
from .ledger import copy_of
from .object_snapshot import ObjectSnapshot
from .object_tree import attributes_of, random_state
from .optimizers import held_by

Undo = Callable[[], object]


class Restorer:
    """Copies the state of modules, optimizers, random generators and further objects.

    Args:
        inventory: of the named modules.
        restores: further objects, as for `Contract`.

    Attributes:
        notes: values that differ after `restore`, as sentences.
    """

    def __init__(self, inventory: Inventory, restores: Iterable[object] = ()) -> None:
        self._undo: list[Undo] = [_random_states()]
        self._tensors: set[int] = set()
        self._optimizers: set[int] = set()
        self._versions = ExitStack()
        self.notes: list[str] = []
        for module in inventory.modules.values():
            if isinstance(module, nn.Module):
                self._undo += [_structure(each) for each in module.modules()]
        self.remember(entry.tensor for entry in inventory.entries.values())
        self._objects = [
            ObjectSnapshot(each, type(each).__name__, self.remember) for each in restores
        ]
        self._undo += [each.restore for each in self._objects]
        self._undo += [_state(each) for each in restores]
        self._compared: list[ObjectSnapshot] = []

    def remember(self, tensors: Iterable[Tensor]) -> None:
        """Copy value, `.grad` and `requires_grad` of tensors that are not copied yet."""
        for tensor in tensors:
            if id(tensor) not in self._tensors:
                self._tensors.add(id(tensor))
                self._undo.append(_leaf(tensor))
                if not tensor.is_inference():
                    self._versions.enter_context(version_kept(tensor))

    def remember_optimizer(self, optimizer: Optimizer) -> None:
        """Copy the groups and the state of an optimizer, if they are not copied yet."""
        if id(optimizer) in self._optimizers:
            return
        self._optimizers.add(id(optimizer))
        self.remember(held_by(optimizer))
        attributes = dict(vars(optimizer))
        self._undo += [
            lambda: vars(optimizer).update(attributes),
            _value(optimizer.param_groups, known=self._tensors),
            _value(optimizer.state, known=self._tensors),
        ]
        states = optimizer.state.values()
        self._tensors |= {id(v) for s in states for v in s.values() if isinstance(v, Tensor)}

    def compare_after(self, name: str, function: object) -> None:
        """Compare what a function leads to before and after, without restoring it."""
        others = (*self._objects, *self._compared)
        self._compared.append(ObjectSnapshot(function, name, others=others))

    def restore(self) -> None:
        """Restore everything, in reverse order: values first, then the names of tensors."""
        with torch.inference_mode(False), torch.no_grad():
            for undo in reversed(self._undo):
                undo()
        changed = self._changed_after()
        # A graph that an object keeps from the audit would see the versions as too old.
        if not any(isinstance(each, Tensor) and each.grad_fn is not None for each in changed):
            self._versions.close()

    def _changed_after(self) -> list[object]:
        """Add notes on the values that were not restored; return these values."""
        values: list[object] = []
        seen: set[str] = set()
        for snapshot in (*self._objects, *self._compared):
            places = dict(snapshot.differences(self._tensors))
            names = [where for where in places if where not in seen]
            seen |= places.keys()
            values += places.values()
            if names and snapshot in self._objects:
                self.notes.append(f"the audit could not put back {shortened(names)}")
            elif names:
                self.notes.append(
                    f"the updates changed {shortened(names)}, which the audit does not put back: "
                    "list the object in `restores`"
                )
            if snapshot.is_partial:
                self.notes.append(
                    f"{snapshot.where} has more than {snapshot.limit:,} values: the audit did not "
                    "compare all of them after it had put everything back"
                )
        return values


def _leaf(tensor: Tensor) -> Undo:
    data, value = tensor.data, copy_of(tensor)
    requires_grad, grad = tensor.requires_grad, tensor.grad if tensor.is_leaf else None
    gradient = None if grad is None else grad.detach().clone()

    def undo() -> None:
        if tensor.data_ptr() != data.data_ptr():
            tensor.data = data
        # Written to `.data`: a new version would invalidate graphs that the caller still holds.
        with torch.inference_mode(tensor.is_inference()):
            tensor.data.copy_(value)
        if tensor.is_leaf:
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            tensor.grad = grad
        if grad is not None and gradient is not None:
            grad.data.copy_(gradient)

    return undo


def _structure(module: nn.Module) -> Undo:
    training = module.training
    parts: list[Any] = [module._parameters, module._buffers, module._modules]
    contents = [dict(part) for part in parts]

    def undo() -> None:
        module.training = training
        for part, content in zip(parts, contents, strict=True):
            if [(k, id(v)) for k, v in part.items()] != [(k, id(v)) for k, v in content.items()]:
                part.clear()
                part.update(content)

    return undo


def _value(value: Any, known: Container[int] = ()) -> Callable[[], Any]:
    """Return a function that restores `value` and returns it; tensors and containers in place.

    Args:
        known: identities of tensors that are copied elsewhere.
    """
    if isinstance(value, Tensor) and id(value) not in known:
        copy = copy_of(value)

        def tensor() -> Tensor:
            value.data.copy_(copy)
            return value

        return tensor
    if isinstance(value, dict):
        inner = [(key, _value(each, known)) for key, each in value.items()]

        def mapping() -> dict[Any, Any]:
            value.clear()
            value.update((key, undo()) for key, undo in inner)
            return value

        return mapping
    if isinstance(value, list | deque):
        items = [_value(each, known) for each in value]

        def sequence() -> object:
            content = [undo() for undo in items]
            value.clear()
            value.extend(content)
            return value

        return sequence
    return lambda: value


def _state(value: Any) -> Undo:
    """Return what restores an object by its own methods; nothing if it has none."""
    if isinstance(value, nn.Module):
        return lambda: None
    if hasattr(value, "get_state") and hasattr(value, "set_state"):
        state = value.get_state()
        return lambda: value.set_state(state)
    if hasattr(value, "state_dict") and hasattr(value, "load_state_dict"):
        unchanged = _value(value.state_dict())
        return lambda: value.load_state_dict(unchanged())
    containers = (list, dict, set, deque)
    has_attributes = hasattr(value, "__dict__") or bool(attributes_of(value))  # in slots
    if not (has_attributes or isinstance(value, containers) or random_state(value)):
        allowed = (
            "objects with state_dict and load_state_dict, random generators, lists, dicts, sets, "
            "objects with attributes"
        )
        raise not_allowed("restores", value, allowed)
    return lambda: None


def _random_states() -> Undo:
    python, cpu = random.getstate(), torch.get_rng_state()
    accelerators = [(write, read()) for read, write in _accelerators()]
    numpy = sys.modules.get("numpy")
    state = numpy.random.get_state() if numpy else None

    def undo() -> None:
        random.setstate(python)
        torch.set_rng_state(cpu)
        for write, own in accelerators:
            write(own)
        if numpy and state is not None:
            numpy.random.set_state(state)

    return undo


def _accelerators() -> Iterator[tuple[Callable[[], Any], Callable[[Any], object]]]:
    """Yield the functions that read and write the random state of each accelerator in use."""
    for name in ("cuda", "xpu"):
        device = getattr(torch, name)
        if device.is_initialized():
            yield device.get_rng_state_all, device.set_rng_state_all
    if torch.backends.mps.is_available():
        yield torch.mps.get_rng_state, torch.mps.set_rng_state
