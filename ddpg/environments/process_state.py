"""State of the process that an environment may change, and that must not change for the agent."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ddpg.environments.signals import END_SIGNALS

_Part = tuple[Callable[[], Any], Callable[[Any], object]]


def _folder() -> str:
    """Return the current folder, or an empty string if it was deleted."""
    try:
        return os.getcwd()  # noqa: PTH109 (a third of the time that a Path takes)
    except OSError:
        return ""


def _set_folder(folder: str) -> None:
    if folder:
        os.chdir(folder)


def _set_inference_mode(enabled: bool) -> None:
    # The public way to set the mode is a context manager; this one is never left.
    _entered.append(torch.inference_mode(enabled))
    _entered[-1].__enter__()


def _device() -> torch.device:
    # A fifth of the time that `torch.get_default_device` takes.
    try:
        return torch.empty(0).device
    # The machine has no such device.
    except (RuntimeError, AssertionError):
        return torch.get_default_device()


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _handlers() -> tuple[Any, ...]:
    return tuple(_handler(number) for number in END_SIGNALS)


def _set_handlers(handlers: tuple[Any, ...]) -> None:
    # Only the main thread may set handlers, so no environment has set any in another one. None is
    # a handler that was not set from Python.
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(END_SIGNALS, handlers, strict=True):
            if handler is not None:
                signal.signal(number, handler)


# Unwrapped, which takes a tenth of the time: the conversion to an enum is left out.
_handler: Any = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
_entered: list[Any] = []
"""Contexts of inference mode that stay entered."""
_PARTS: tuple[_Part, ...] = (
    (_folder, _set_folder),
    (torch.get_default_dtype, torch.set_default_dtype),
    (_device, _set_device),
    # Before the gradient mode, which a change of the inference mode sets.
    (torch.is_inference_mode_enabled, _set_inference_mode),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (np.geterr, lambda values: np.seterr(**values)),
    (_handlers, _set_handlers),
)
"""Function that returns a part of the state, and function that sets it."""


@contextmanager
def keeps_process_state() -> Iterator[None]:
    """Context manager: restore what an environment's code in the block changed.

    These are the current folder, defaults and modes of PyTorch, its threads, NumPy's handling of
    errors, and the handlers of Ctrl-C, SIGTERM and SIGHUP.
    """
    before = [get() for get, _ in _PARTS]
    try:
        yield
    finally:
        for (get, restore), value in zip(_PARTS, before, strict=True):
            if get() != value:
                restore(value)
