"""Where tensors live, and how PyTorch reckons with them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ddpg.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """The device that the setting `device` names.

    Raises:
        ConfigError: there is no such device here.
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
        raise ConfigError(f"device is {name!r}; allowed here: auto, {', '.join(present)}")
    return torch.device(name)


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Inside, products of float32 matrices may be as coarse as `name` says, if that is faster.

    See `torch.set_float32_matmul_precision`: `high` allows TensorFloat32, `medium` bfloat16. On a
    CPU, `medium` also has large products done by oneDNN instead of the BLAS, and oneDNN rounds
    only where the processor gains by it.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def deterministic() -> Iterator[None]:
    """Inside, an operation of PyTorch that has no deterministic form is an error."""
    # cuBLAS is deterministic with a workspace of fixed size, which it reads from here, once.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # PyTorch makes its attributes as it loads, so that a type checker does not see them.
    memory: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), memory.fill_uninitialized_memory
    # Not `use_deterministic_algorithms`, which imports the compiler to tell it.
    torch.set_deterministic_debug_mode("error")
    # Nothing here reads memory that it did not write, so the filling would only cost time.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        mode, memory.fill_uninitialized_memory = before
        torch.set_deterministic_debug_mode(mode)
