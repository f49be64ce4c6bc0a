"""Reading of a file that `torch.save` wrote, as tensors that hold their own memory.

A crafted file can describe tensors that share memory, that have far more elements than the file
has bytes, or that have no data at all. Kernels that trust a tensor's strides would then write
outside of its memory.
"""

import io
import zipfile
from typing import Any

import torch
from torch import Tensor

from ddpg.errors import StateError


def load_plain(content: bytes) -> Any:
    """Return the value in `content`, with every tensor rebuilt.

    A rebuilt tensor is dense and contiguous, on the CPU, has its own memory and requires no
    gradient.

    Raises:
        StateError: `content` is not a file of tensors and plain values, or would need more memory
            than it has bytes.
    """
    _require_uncompressed(content)
    try:
        value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # A crafted file can make the unpickler raise almost anything.
    except Exception as error:
        raise StateError("it holds more than tensors and plain values") from error
    return _Rebuilding(len(content)).rebuild(value)


class _Rebuilding:
    """Copy of nested values whose tensors need at most `limit` bytes together."""

    def __init__(self, limit: int):
        self._left = limit

    def rebuild(self, value: Any) -> Any:
        """Return a copy of `value`."""
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return {key: self.rebuild(each) for key, each in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.rebuild(each) for each in value)
        return value

    def _tensor(self, tensor: Tensor) -> Tensor:
        plain = type(tensor) in (Tensor, torch.nn.Parameter)
        if not plain or tensor.layout is not torch.strided or tensor.device.type != "cpu":
            raise StateError(
                f"a tensor is {type(tensor).__name__} on {tensor.device} with {tensor.layout}; "
                "allowed: dense tensors with data"
            )
        self._left -= tensor.numel() * tensor.element_size()
        if self._left < 0:
            raise StateError("its tensors have more elements than the file has bytes")
        detached = tensor.detach().resolve_conj().resolve_neg()
        return detached.clone(memory_format=torch.contiguous_format)


def _require_uncompressed(content: bytes) -> None:
    """Raise a StateError unless `content` is an archive that takes its own size in memory."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    # The reader of archives raises several kinds of errors for crafted ones.
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise StateError("it is not an archive that torch.save wrote") from error
    if sum(entry.file_size for entry in entries) > len(content):
        raise StateError("it is compressed; allowed: an archive that torch.save wrote")
