"""The names of torch that the audit uses and that are not public, all in one place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_c: Any = torch._C
_autograd: Any = torch.autograd
Engine = Callable[..., Any]


def sequence_number() -> int:
    """The number that autograd gives to the next operation that this thread records."""
    return _c._autograd._get_sequence_nr()


def unwrapped(tensor: Tensor) -> Tensor:
    """The plain tensor under those that `torch.func` passes around."""
    while _c._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = _c._functorch.get_unwrapped(tensor)
    return tensor


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The L2 norm of each, in one call."""
    return list(torch._foreach_norm(list(tensors)))  # pyright: ignore[reportPrivateImportUsage]


@contextmanager
def engine_replaced(make: Callable[[Engine], Engine]) -> Iterator[None]:
    """Run backward passes through `make(engine)` inside the block.

    Both `backward` and `autograd.grad` look the engine up in `torch.autograd` when they are
    called, so this also sees callers who imported either function by its name.
    """
    engine = _autograd._engine_run_backward
    _autograd._engine_run_backward = make(engine)
    try:
        yield
    finally:
        _autograd._engine_run_backward = engine
