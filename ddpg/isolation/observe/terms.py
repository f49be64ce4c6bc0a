"""Loss terms: tensors that `term` named, and their gradients, computed apart."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils.hooks import RemovableHandle

from .inventory import Inventory
from .ledger import copy_of

Gradients = tuple[set[int], dict[int, Tensor]]
"""Entries that a term reaches, and its gradient for each."""


class Term:
    """Graph of a named tensor at the moment when it was named: `loss += y` does not change it.

    Attributes:
        node: that computed the tensor; the leaf for a parameter; None without a graph.
    """

    def __init__(self, loss: Tensor) -> None:
        with torch.enable_grad():
            self._copy = loss.clone() if loss.requires_grad else loss
        root = self._copy.grad_fn if loss.requires_grad else None
        self.node: Node | None = root.next_functions[0][0] if root is not None else None

    def gradients(self, tensors: list[Tensor]) -> tuple[Tensor | None, ...]:
        """Return the gradient for each tensor; None for those without a path."""
        return torch.autograd.grad(self._copy.sum(), tensors, retain_graph=True, allow_unused=True)


def gradients_of(terms: Iterable[Term], reached: set[int], inventory: Inventory) -> Gradients:
    """Return the entries that terms of one name reach, and the sum of their gradients.

    Args:
        reached: entries that one of the terms has a path to.
    """
    tensors = {key: inventory.entries[key].tensor for key in reached}
    tensors = {key: tensor for key, tensor in tensors.items() if tensor.requires_grad}
    sums: dict[int, Tensor] = {}
    if not tensors:
        return reached, sums
    with hooks_silent(tensors.values()):
        for each in terms:
            values = each.gradients(list(tensors.values()))
            for key, gradient in zip(tensors, values, strict=True):
                if gradient is not None:
                    known = sums.get(key)
                    sums[key] = copy_of(gradient) if known is None else known + copy_of(gradient)
    return reached, sums


_silent = False


@contextmanager
def hooks_silent(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Context manager in which no tensor hook of the user runs.

    Args:
        tensors: leaves; their hooks are put back afterwards.
    """
    global _silent
    hooks: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
    for tensor in tensors:
        own: dict[Any, Any] | None = tensor._backward_hooks
        if own:
            hooks.append((own, dict(own)))
            own.clear()
    _silent = True
    try:
        yield
    finally:
        _silent = False
        for own, content in hooks:
            own.update(content)


@contextmanager
def hooks_wrapped() -> Iterator[None]:
    """Context manager in which the hooks that users register can be silenced."""
    tensors: Any = Tensor
    register: Callable[..., RemovableHandle] = tensors.register_hook

    def wrapped(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        return register(tensor, lambda gradient: None if _silent else hook(gradient))

    tensors.register_hook = wrapped
    try:
        yield
    finally:
        tensors.register_hook = register
