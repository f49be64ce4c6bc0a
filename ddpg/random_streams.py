"""Every member's random generators, drawn from its own seed alone."""

from dataclasses import dataclass

import numpy as np
import torch

from ddpg.stream import Stream


@dataclass(frozen=True)
class RandomStreams:
    """One generator a purpose and member, so that no draw of one shifts another.

    Member k of a run with seed s has the streams of the run with the one seed s + k.
    """

    weights: list[torch.Generator]
    actions: Stream
    """Uniformly random actions before training starts."""
    noise: Stream
    replay: Stream

    @classmethod
    def from_seeds(cls, seeds: list[int]) -> "RandomStreams":
        """The streams of the members with `seeds`."""
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
        """The states of the NumPy generators as JSON; the weights are drawn once and for all."""
        return {name: stream.state_dict() for name, stream in self._numpy().items()}

    def load_state_dict(self, state: dict[str, list[str]]) -> None:
        """Take up what `state_dict` returned."""
        for name, stream in self._numpy().items():
            stream.load_state_dict(state[name])

    def _numpy(self) -> dict[str, Stream]:
        return {"actions": self.actions, "noise": self.noise, "replay": self.replay}
