"""Checks of a checkpoint's state before it is loaded.

The checksum proves that the file is intact, not that a run like this one wrote it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddpg.config.types import LARGEST_INTEGER
from ddpg.errors import CheckpointError, StateError

COUNT = range(LARGEST_INTEGER + 1)
"""Allowed numbers of steps and updates: as many as a setting allows."""


@dataclass(frozen=True)
class TensorPattern:
    """Dtype and shape of a tensor.

    Args:
        shape: None allows any size.
        dtype: None allows any dtype.
    """

    shape: tuple[int | None, ...]
    dtype: torch.dtype | None = torch.float32

    def __str__(self) -> str:
        dtype = "" if self.dtype is None else f" of {self.dtype}"
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"a tensor{dtype} of shape [{sizes}]"

    def matches(self, value: Any) -> bool:
        """Return whether `value` is such a tensor, dense."""
        return (
            torch.is_tensor(value)
            and value.layout is torch.strided
            and self.dtype in (None, value.dtype)
            and len(self.shape) == value.dim()
            and all(
                size in (None, actual) for size, actual in zip(self.shape, value.shape, strict=True)
            )
        )


def require_like(value: Any, pattern: Any, name: str = "the state") -> None:
    """Compare a part of a state with a pattern.

    Args:
        value: the part.
        pattern: dicts with the same keys (with the key `...`: other keys are allowed too), lists
            and tuples of the same length, down to a `TensorPattern`, a tensor (compared by dtype
            and shape), a range of integers, a set of types, or any value (compared by type).
        name: name of the part, for the message.

    Raises:
        StateError: the part does not match.
    """
    if isinstance(pattern, dict):
        _require_dict(value, pattern, name)
    elif isinstance(pattern, list | tuple):
        matches = type(value) is type(pattern) and len(value) == len(pattern)
        _require(matches, value, f"a {type(pattern).__name__} of {len(pattern)}", name)
        for index, each in enumerate(pattern):
            require_like(value[index], each, _child(name, index))
    elif isinstance(pattern, torch.Tensor):
        require_like(value, TensorPattern(tuple(pattern.shape), pattern.dtype), name)
    elif isinstance(pattern, TensorPattern):
        _require(pattern.matches(value), value, str(pattern), name)
    elif isinstance(pattern, range):
        matches = type(value) is int and value in pattern
        _require(matches, value, f"a whole number from {pattern[0]:,} to {pattern[-1]:,}", name)
    else:
        types = pattern if isinstance(pattern, set) else {type(pattern)}
        words = " or ".join(sorted(each.__name__ for each in types))
        _require(type(value) in types, value, words, name)


def require_finite(value: Any, members: Sequence[bool], name: str) -> None:
    """Require that the tensors of a state have no NaN and no infinity.

    Args:
        value: tensors `[member, ...]`, or scalars shared by all members, in dicts and lists.
        members: `[member]`: True for the members that are checked.
        name: name of the state, for the message.

    Raises:
        StateError: a checked value is not finite.
    """
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            require_finite(part, members, _child(name, key))
    elif torch.is_tensor(value):
        checked = value[torch.tensor(members)] if value.dim() else value
        invalid = checked[~checked.isfinite()]
        if len(invalid):
            raise StateError(f"{name} has the value {invalid[0].item()}; allowed: finite numbers")


def require_members(alive: Any, members: int) -> None:
    """Require `alive` to be one bool per member, at least one of them True.

    Raises:
        StateError: `alive` is something else.
    """
    require_like(alive, [True] * members, "alive")
    if not any(alive):
        raise StateError("alive is False for every member; allowed: True for at least one")


def require_plain(value: Any, name: str) -> None:
    """Require `value` to be None, a number or a string, or lists and dicts of them.

    Raises:
        StateError: it is or holds something else.
    """
    if isinstance(value, list | dict):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            require_plain(each, f"{name}.{key}")
        return
    plain = isinstance(value, int | float | str | None)
    _require(plain, value, "None, a number or a string, or lists and dicts of them", name)


@contextmanager
def names_checkpoint(path: Path) -> Iterator[None]:
    """Context manager: an error in the block, while loading the state in `path`, names `path`.

    Raises:
        CheckpointError: the block raised a StateError or another error of an invalid state.
    """
    try:
        yield
    except StateError as error:
        raise CheckpointError(f"cannot load {path}: {error}") from error
    # A value of the right type may still be no state of a random generator, for example.
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise CheckpointError(
            f"cannot load {path}: {reason}; allowed: a state that a run wrote"
        ) from error


def _require_dict(value: Any, pattern: dict[Any, Any], name: str) -> None:
    _require(isinstance(value, dict), value, "a dictionary", name)
    needed = {key: each for key, each in pattern.items() if key is not ...}
    allowed = ", ".join(map(repr, needed)) or "nothing"
    for key, each in needed.items():
        if key not in value:
            raise StateError(f"{name} has no {key!r}; allowed: {allowed}")
        require_like(value[key], each, _child(name, key))
    other = [] if ... in pattern else [key for key in value if key not in pattern]
    if other:
        raise StateError(f"{name} has {_summarize(other[0])}; allowed: {allowed}")


def _require(matches: bool, value: Any, allowed: str, name: str) -> None:
    if not matches:
        raise StateError(f"{name} is {_summarize(value)}; allowed: {allowed}")


def _summarize(value: Any) -> str:
    """Return a short description of a value."""
    if torch.is_tensor(value):
        return f"a tensor of {value.dtype} of shape {[*value.shape]}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]} …"


def _child(name: str, key: Any) -> str:
    return str(key) if name == "the state" else f"{name}.{key}"
