"""Compiled code under watch: run it eagerly, or keep the compiler away from the watcher."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_torch: Any = torch

uncompiled: Any = _torch._disable_dynamo
"""Decorator: `torch.compile` neither traces nor compiles the function."""


@contextmanager
def run_eagerly() -> Iterator[None]:
    """Context manager in which compiled functions run their Python code.

    The watcher then sees every forward call, pass and step, and nothing is compiled again.
    """
    # Before PyTorch 2.6 there is no such setting; without `_dynamo` nothing can be compiled.
    if "torch._dynamo" not in sys.modules or not hasattr(torch.compiler, "set_stance"):
        yield
        return
    with torch.compiler.set_stance("force_eager"), warnings.catch_warnings():
        # The hooks of an eager call around a compiled module cause no finding.
        warnings.filterwarnings("ignore", message=r"Using `torch\.compile\(module\)` when there")
        yield


def is_tracing() -> bool:
    """Return True while a compiler traces a function with tensors that have no values."""
    return torch.compiler.is_compiling() or _torch._guards.TracingContext.try_get() is not None
