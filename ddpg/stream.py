"""Random numbers for one purpose, each member's from its own generator, drawn ahead."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

_AHEAD = 64
"""Steps that are drawn for at once, at most."""


class Draw(Protocol):
    """What one step takes from every generator."""

    def numbers(self, generators: Sequence[np.random.Generator], steps: int) -> list[NDArray[Any]]:
        """`[step, ...]` of each generator: what `steps` calls, of this draw and those after it,
        would give."""
        ...

    def later(self, steps: int, /) -> Self:
        """What is expected to be taken `steps` steps after this."""
        ...


class Normal(NamedTuple):
    """`width` standard normal numbers."""

    width: int

    def numbers(self, generators: Sequence[np.random.Generator], steps: int) -> list[NDArray[Any]]:
        return [generator.standard_normal((steps, self.width)) for generator in generators]

    def later(self, _steps: int, /) -> "Normal":
        return self


class Uniform(NamedTuple):
    """`width` numbers in [−1, 1)."""

    width: int

    def numbers(self, generators: Sequence[np.random.Generator], steps: int) -> list[NDArray[Any]]:
        return [generator.uniform(-1, 1, (steps, self.width)) for generator in generators]

    def later(self, _steps: int, /) -> "Uniform":
        return self


class Stream:
    """One generator a member, asked for many steps' numbers at once.

    A call of a generator takes many times as long as its numbers. Neither these nor the states that
    are kept depend on how far ahead was drawn: they are those of a call for every step.

    Args:
        generators: one a member.
    """

    def __init__(self, generators: Sequence[np.random.Generator]):
        self.generators = list(generators)
        self._forget()

    def take(self, draw: Draw) -> NDArray[Any]:
        """The numbers of one step, `[member, ...]`."""
        if not self._expects(draw):
            self._begin(draw, 1)
        elif self._taken == len(self._block):
            self._begin(draw, min(2 * len(self._block), _AHEAD))
        numbers = self._block[self._taken]
        self._taken += 1
        return numbers

    def state_dict(self) -> list[str]:
        """The generators' states as JSON, one a member."""
        self._settle()
        return [json.dumps(generator.bit_generator.state) for generator in self.generators]

    def load_state_dict(self, state: list[str]) -> None:
        """Take up what `state_dict` returned."""
        for generator, text in zip(self.generators, state, strict=True):
            generator.bit_generator.state = json.loads(text)
        self._forget()

    def _expects(self, draw: Draw) -> bool:
        first = self._first
        # Two kinds of draws with the same fields are equal as tuples.
        return first is not None and type(draw) is type(first) and draw == first.later(self._taken)

    def _begin(self, draw: Draw, steps: int) -> None:
        """Draw for `steps` steps; more each time, as long as what is taken is what was expected."""
        self._settle()
        self._first = draw
        self._states = [generator.bit_generator.state for generator in self.generators]
        self._block = np.stack(draw.numbers(self.generators, steps), axis=1)

    def _settle(self) -> None:
        """Take the generators back to where calls for the steps so far would have left them."""
        if self._first and self._taken < len(self._block):
            for generator, state in zip(self.generators, self._states, strict=True):
                generator.bit_generator.state = state
            self._first.numbers(self.generators, self._taken)
        self._forget()

    def _forget(self) -> None:
        self._first: Draw | None = None
        self._states: list[Any] = []
        self._block = np.empty(0)
        self._taken = 0
