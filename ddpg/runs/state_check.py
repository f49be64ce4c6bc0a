"""What the state in a checkpoint must look like before anything takes it up.

Its checksum tells that it is what was written, not that it was written by a run like this one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddpg.errors import CheckpointError
from ddpg.config.types import LARGEST_INTEGER

COUNT = range(LARGEST_INTEGER + 1)
"""Steps and updates: as many as a setting may ask for."""


from ddpg.errors import StateError


@dataclass(frozen=True)
class Tensors:
    """Any tensor of this kind.

    Args:
        shape: None stands for any size.
        dtype: None stands for any.
    """

    shape: tuple[int | None, ...]
    dtype: torch.dtype | None = torch.float32

    def __str__(self) -> str:
        dtype = "" if self.dtype is None else f" of {self.dtype}"
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"a tensor{dtype} of shape [{sizes}]"

    def fits(self, value: Any) -> bool:
        """Whether `value` is one."""
        return (
            torch.is_tensor(value)
            and value.layout is torch.strided
            and self.dtype in (None, value.dtype)
            and len(self.shape) == value.dim()
            and all(s in (None, there) for s, there in zip(self.shape, value.shape, strict=True))
        )


def require_like(value: Any, pattern: Any, name: str = "the state") -> None:
    """Compare a part of a state with what it has to look like.

    Args:
        value: the part.
        pattern: dicts of the same keys (of others too, with the key `...`), lists and tuples of the
            same length, down to `Tensors`, a tensor (for its dtype and shape), a range of whole
            numbers, a set of types, or a value (for its type).
        name: of the part, for the message.

    Raises:
        StateError: it looks otherwise.
    """
    if isinstance(pattern, dict):
        _require(isinstance(value, dict), value, "a dictionary", name)
        needed = {key: each for key, each in pattern.items() if key is not ...}
        allowed = ", ".join(map(repr, needed)) or "nothing"
        for key, each in needed.items():
            if key not in value:
                raise StateError(f"{name} has no {key!r}; allowed: {allowed}")
            require_like(value[key], each, _inside(name, key))
        other = [] if ... in pattern else [key for key in value if key not in pattern]
        if other:
            raise StateError(f"{name} has {_shown(other[0])}; allowed: {allowed}")
    elif isinstance(pattern, list | tuple):
        fits = type(value) is type(pattern) and len(value) == len(pattern)
        _require(fits, value, f"a {type(pattern).__name__} of {len(pattern)}", name)
        for index, each in enumerate(pattern):
            require_like(value[index], each, _inside(name, index))
    elif isinstance(pattern, torch.Tensor):
        require_like(value, Tensors(tuple(pattern.shape), pattern.dtype), name)
    elif isinstance(pattern, Tensors):
        _require(pattern.fits(value), value, str(pattern), name)
    elif isinstance(pattern, range):
        fits = type(value) is int and value in pattern
        _require(fits, value, f"a whole number from {pattern[0]:,} to {pattern[-1]:,}", name)
    else:
        types = pattern if isinstance(pattern, set) else {type(pattern)}
        words = " or ".join(sorted(each.__name__ for each in types))
        _require(type(value) in types, value, words, name)


def require_finite(value: Any, members: Sequence[bool], name: str) -> None:
    """Refuse a state that holds a NaN or an infinity, of a member that is in the run.

    Args:
        value: its tensors are `[member, ...]`, or of all members.
        members: whom to look at `[member]`.
        name: of the state, for the message.

    Raises:
        StateError: it does.
    """
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            require_finite(part, members, _inside(name, key))
    elif torch.is_tensor(value):
        looked_at = value[torch.tensor(members)] if value.dim() else value
        broken = looked_at[~looked_at.isfinite()]
        if len(broken):
            raise StateError(f"{name} holds {broken[0].item()}; allowed: finite numbers")


def require_members(alive: Any, members: int) -> None:
    """Refuse an `alive` that does not say who of the `members` is in the run, or says nobody.

    Raises:
        StateError: it does.
    """
    require_like(alive, [True] * members, "alive")
    if not any(alive):
        raise StateError("alive is False for every member; allowed: one that is in the run")


@contextmanager
def taking_up(file: Path) -> Iterator[None]:
    """Inside, a state from `file` that cannot be taken up is a CheckpointError.

    Raises:
        CheckpointError: it cannot.
    """
    try:
        yield
    except StateError as error:
        raise CheckpointError(f"{file} cannot be taken up: {error}") from error
    # What looks right may still hold no state of a random generator, for one.
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise CheckpointError(
            f"{file} cannot be taken up: {reason}; allowed: what a run has written"
        ) from error


def _require(fits: bool, value: Any, allowed: str, name: str) -> None:
    if not fits:
        raise StateError(f"{name} is {_shown(value)}; allowed: {allowed}")


def _shown(value: Any) -> str:
    """`value` in a few words."""
    if torch.is_tensor(value):
        return f"a tensor of {value.dtype} of shape {[*value.shape]}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]} …"


def _inside(name: str, key: Any) -> str:
    return str(key) if name == "the state" else f"{name}.{key}"
