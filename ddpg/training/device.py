"""Device, matmul precision and deterministic mode."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ddpg.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """Return the device of the setting `device`.

    Raises:
        ConfigError: this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    present = ["cpu"]
    if torch.cuda.is_available():
        present += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        present.append("mps")
    if name not in present:
        raise ConfigError(
            f"device: {name!r} is not allowed; allowed on this machine: auto, {', '.join(present)}"
        )
    return torch.device(name)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Context manager: PyTorch computes on the CPU with `number` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Context manager: float32 matrix products may be as coarse as `name`, if that is faster.

    See `torch.set_float32_matmul_precision`: `high` allows TensorFloat32, `medium` bfloat16. On a
    CPU, `medium` also computes large products with oneDNN instead of the BLAS. oneDNN rounds only
    where the processor gains by it.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def default_variable(name: str, value: str) -> Iterator[None]:
    """Context manager: the environment variable `name` is `value`, unless it is set already."""
    is_new = name not in os.environ
    os.environ.setdefault(name, value)
    try:
        yield
    finally:
        if is_new:
            os.environ.pop(name, None)


@contextmanager
def deterministic() -> Iterator[None]:
    """Context manager: a PyTorch operation without a deterministic implementation raises."""
    # Any, since type checkers do not see the attributes that PyTorch adds while it loads.
    memory: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), memory.fill_uninitialized_memory
    # `use_deterministic_algorithms` would import the compiler.
    torch.set_deterministic_debug_mode("error")
    # This package never reads uninitialized memory, so filling it would only cost time.
    memory.fill_uninitialized_memory = False
    try:
        # cuBLAS is deterministic with a workspace of fixed size.
        with default_variable("CUBLAS_WORKSPACE_CONFIG", ":4096:8"):
            yield
    finally:
        mode, memory.fill_uninitialized_memory = before
        torch.set_deterministic_debug_mode(mode)
