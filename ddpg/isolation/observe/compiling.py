"""Compiled code under watch: run it eagerly, or keep the compiler away from the watcher."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

_torch: Any = torch

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def uncompiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorate a function that `torch.compile` must neither trace nor compile."""
    disabled = _torch._disable_dynamo(function)

    @wraps(function)
    def call(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        # The compiler takes seconds to import, and without it nothing is compiled.
        if "torch._dynamo" not in sys.modules:
            return function(*arguments, **options)
        return disabled(*arguments, **options)

    return call


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
