"""Count of the tensors that autograd saves for backward passes."""

import weakref
from collections.abc import Iterable
from typing import NamedTuple, Self

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class Amount(NamedTuple):
    """Number of tensors, and bytes of their distinct storages."""

    tensors: int
    bytes: int

    def __str__(self) -> str:
        noun = "tensor" if self.tensors == 1 else "tensors"
        return f"{self.tensors} {noun}, {self.bytes:,} bytes"


class _Packed:
    def __init__(self, tensor: Tensor):
        self.tensor = tensor


class SavedTensors:
    """Context manager that counts the tensors which autograd saves in its block.

    Source: https://docs.pytorch.org/docs/stable/autograd.html, "Hooks for saved tensors".
    """

    def __init__(self) -> None:
        self._storages: list[tuple[int, int]] = []
        self._packed: list[weakref.ref[_Packed]] = []
        self._hooks = saved_tensors_hooks(self._pack, lambda packed: packed.tensor)

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    def _pack(self, tensor: Tensor) -> _Packed:
        # Detached, since an operation that saves its own result would keep its graph alive.
        packed = _Packed(tensor.detach())
        self._packed.append(weakref.ref(packed))
        storage = tensor.untyped_storage()
        self._storages.append((storage.data_ptr(), storage.nbytes()))
        return packed

    @property
    def made(self) -> Amount:
        """All tensors that were saved."""
        return _amount(self._storages)

    @property
    def held(self) -> Amount:
        """The saved tensors that a graph still holds."""
        return _amount(
            storage
            for storage, packed in zip(self._storages, self._packed, strict=True)
            if packed() is not None
        )


def _amount(storages: Iterable[tuple[int, int]]) -> Amount:
    listed = list(storages)
    return Amount(len(listed), sum(size for _, size in set(listed)))
