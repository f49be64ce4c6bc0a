"""Interaction with the environments: act, step, and store one transition per member."""

import numpy as np
from numpy.typing import NDArray

from ddpg.noise import scheduled_sigma
from ddpg.random_streams import Uniform
from ddpg.replay import ReplayBuffer
from ddpg.training.divergence import DivergenceWatch
from ddpg.training.recorder import Recorder
from ddpg.training.state import TrainingState


class Interaction:
    """Steps of the environments of a run.

    Args:
        state: state of the run.
        replay: replay buffer of the run.
        recorder: gets the returns of the episodes that end.
        divergence: checks the actions.
    """

    def __init__(
        self,
        state: TrainingState,
        replay: ReplayBuffer,
        recorder: Recorder,
        divergence: DivergenceWatch,
    ):
        self.state, self.replay = state, replay
        self.recorder, self.divergence = recorder, divergence

    def step(self) -> None:
        """Act, step and store one transition per member."""
        state = self.state
        observation = state.environments.observation
        normalization = state.normalization
        if normalization is not None:
            normalization.add_observation(observation)
        action = self._explore(observation)
        transition = state.environments.step(action)
        if normalization is not None:
            normalization.add_reward(transition.reward)
        state.multi_step.add(self.replay, observation, action, transition)
        state.step += 1
        state.episode_return += transition.reward
        state.episode_length += 1
        state.info.add(transition.info)
        ended = transition.ended
        if np.count_nonzero(ended):
            self.recorder.add_episodes(ended)
            state.end_episodes(ended)

    def _explore(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return random actions at first, then μ(s) with noise: `[member, action]` in [−1, 1]."""
        state, config = self.state, self.state.config
        if state.step < config.random_steps:
            _, action_dim = state.dims
            return state.streams.actions.take(Uniform(action_dim)).astype(np.float32)
        sigma = scheduled_sigma(
            state.step, config.noise_sigma, config.noise_sigma_final, config.noise_steps
        )
        action = state.policies(observation[:, None])[:, 0]
        if np.count_nonzero(np.isfinite(action)) < action.size:
            self.divergence.check_update()
            self.divergence.check_action(action)
            action[~state.alive] = 0
        noisy = action.astype(np.float64) + state.noise.sample(sigma)
        return np.minimum(np.maximum(noisy, -1), 1).astype(np.float32)
