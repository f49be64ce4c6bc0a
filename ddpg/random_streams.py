"""Random numbers of one purpose, from one generator per member, drawn for many steps ahead."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

_MOST_STEPS = 64
"""Most steps drawn at once."""


class Draw(Protocol):
    """The numbers that one step takes from each generator."""

    def numbers(self, generators: Sequence[np.random.Generator], steps: int) -> list[NDArray[Any]]:
        """Draw this step and the `steps - 1` expected after it: one `[step, ...]` per generator.

        The numbers equal those of one call per step.
        """
        ...

    def later(self, steps: int, /) -> Self:
        """Return the draw that is expected `steps` steps later."""
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


class Indices(NamedTuple):
    """`size` rows of a replay that holds `added` transitions and gains one per step.

    Member k gets rows of the replay's flat storage, from `k * capacity` on.
    """

    added: int
    capacity: int
    size: int

    def numbers(self, generators: Sequence[np.random.Generator], steps: int) -> list[NDArray[Any]]:
        rows = np.minimum(np.arange(self.added, self.added + steps), self.capacity)[:, None]
        firsts = [member * self.capacity for member in range(len(generators))]
        return [
            generator.integers(first, first + rows, (steps, self.size))
            for generator, first in zip(generators, firsts, strict=True)
        ]

    def later(self, steps: int, /) -> "Indices":
        return Indices(self.added + steps, self.capacity, self.size)


class Stream:
    """One generator per member, asked for the numbers of many steps at once.

    A call of a generator takes many times as long as its numbers. Numbers and stored states are
    those of one call per step, however many steps are drawn ahead.

    Args:
        generators: one per member.
    """

    def __init__(self, generators: Sequence[np.random.Generator]):
        self.generators = list(generators)
        self._drop_block()

    def take(self, draw: Draw) -> NDArray[Any]:
        """Return the numbers of one step, `[member, ...]`."""
        if not self._is_expected(draw):
            self._draw_block(draw, 1)
        elif self._taken == len(self._block):
            self._draw_block(draw, min(2 * len(self._block), _MOST_STEPS))
        numbers = self._block[self._taken]
        self._taken += 1
        return numbers

    def state_dict(self) -> list[str]:
        """Return the states of the generators as JSON, one per member."""
        self._rewind()
        return [json.dumps(generator.bit_generator.state) for generator in self.generators]

    def load_state_dict(self, state: list[str]) -> None:
        """Load what `state_dict` returned."""
        for generator, text in zip(self.generators, state, strict=True):
            generator.bit_generator.state = json.loads(text)
        self._drop_block()

    def _is_expected(self, draw: Draw) -> bool:
        first = self._first
        # Draws of two classes are equal as tuples if their fields are.
        return first is not None and type(draw) is type(first) and draw == first.later(self._taken)

    def _draw_block(self, draw: Draw, steps: int) -> None:
        self._rewind()
        self._first = draw
        self._states = [generator.bit_generator.state for generator in self.generators]
        self._block = np.stack(draw.numbers(self.generators, steps), axis=1)

    def _rewind(self) -> None:
        """Set the generators to their states after one call per step taken so far."""
        if self._first and self._taken < len(self._block):
            for generator, state in zip(self.generators, self._states, strict=True):
                generator.bit_generator.state = state
            self._first.numbers(self.generators, self._taken)
        self._drop_block()

    def _drop_block(self) -> None:
        self._first: Draw | None = None
        self._states: list[Any] = []
        self._block = np.empty(0)
        self._taken = 0


@dataclass(frozen=True)
class RandomStreams:
    """One generator per purpose and member, so that the draws of one never shift another's.

    Member k of a run with seed s has the streams of a run with one member and seed s + k.
    """

    weights: list[torch.Generator]
    actions: Stream
    """Uniformly random actions before training starts."""
    noise: Stream
    replay: Stream

    @classmethod
    def from_seeds(cls, seeds: list[int]) -> "RandomStreams":
        """Create the streams of the members with `seeds`."""
        children = [np.random.SeedSequence(seed).spawn(4) for seed in seeds]
        return cls(
            weights=[
                torch.Generator().manual_seed(int(child[0].generate_state(1)[0]))
                for child in children
            ],
            actions=Stream([np.random.default_rng(child[1]) for child in children]),
            noise=Stream([np.random.default_rng(child[2]) for child in children]),
            replay=Stream([np.random.default_rng(child[3]) for child in children]),
        )

    def state_dict(self) -> dict[str, list[str]]:
        """Return the states of the streams; weights are drawn only once."""
        return {name: stream.state_dict() for name, stream in self._streams().items()}

    def load_state_dict(self, state: dict[str, list[str]]) -> None:
        """Load what `state_dict` returned."""
        for name, stream in self._streams().items():
            stream.load_state_dict(state[name])

    def _streams(self) -> dict[str, Stream]:
        return {"actions": self.actions, "noise": self.noise, "replay": self.replay}
