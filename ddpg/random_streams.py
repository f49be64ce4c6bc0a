"""Every member's random generators, drawn from its own seed alone."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class RandomStreams:
    """One generator a purpose and member, so that no draw of one shifts another.

    Member k of a run with seed s has the streams of the run with the one seed s + k.
    """

    weights: list[torch.Generator]
    actions: list[np.random.Generator]
    """Uniformly random actions before training starts."""
    noise: list[np.random.Generator]
    replay: list[np.random.Generator]

    @classmethod
    def from_seeds(cls, seeds: list[int]) -> "RandomStreams":
        """The streams of the members with `seeds`."""
        children = [np.random.SeedSequence(seed).spawn(4) for seed in seeds]
        return cls(
            weights=[
                torch.Generator().manual_seed(int(child[0].generate_state(1)[0]))
                for child in children
            ],
            actions=[np.random.default_rng(child[1]) for child in children],
            noise=[np.random.default_rng(child[2]) for child in children],
            replay=[np.random.default_rng(child[3]) for child in children],
        )

    def state_dict(self) -> dict[str, list[str]]:
        """The states of the NumPy generators as JSON; the weights are drawn once and for all."""
        return {
            name: [json.dumps(generator.bit_generator.state) for generator in generators]
            for name, generators in self._numpy().items()
        }

    def load_state_dict(self, state: dict[str, list[str]]) -> None:
        """Take up what `state_dict` returned."""
        for name, generators in self._numpy().items():
            for generator, text in zip(generators, state[name], strict=True):
                generator.bit_generator.state = json.loads(text)

    def _numpy(self) -> dict[str, Any]:
        return {"actions": self.actions, "noise": self.noise, "replay": self.replay}
