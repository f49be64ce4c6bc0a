"""The state of a training run: everything that a checkpoint holds, except the replay buffer."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.agent import DDPG, Metrics
from ddpg.config.settings import Config
from ddpg.environments.vector import Environments
from ddpg.errors import ConfigError, StateError
from ddpg.noise import Noise, make_noise
from ddpg.normalization.agent import make_agent, normalization_of, policy_of
from ddpg.normalization.statistics import Normalization
from ddpg.random_streams import RandomStreams
from ddpg.runs.state_check import (
    COUNT,
    TensorPattern,
    require_finite,
    require_like,
    require_members,
)
from ddpg.training.best import BestPolicies
from ddpg.training.episode_info import EpisodeInfo
from ddpg.training.memory import require_memory
from ddpg.training.metrics import MetricsWindow
from ddpg.training.multi_step import MultiStep
from ddpg.training.schedule import most_updates, set_learning_rates, updates_between


@dataclass
class TrainingState:
    """State of a run: everything that changes from step to step, except the replay buffer."""

    config: Config
    device: torch.device
    agent: DDPG
    streams: RandomStreams
    noise: Noise
    environments: Environments
    window: MetricsWindow
    """Metrics of the updates since the last logged point."""
    multi_step: MultiStep
    best: BestPolicies
    info: EpisodeInfo
    alive: NDArray[np.bool_]
    """`[member]`: False for a member that was dropped; changed in place."""
    episode_return: NDArray[np.float64]
    """`[member]`: undiscounted return of the running episode."""
    episode_length: NDArray[np.float64]
    """`[member]`: steps of the running episode."""
    step: int = 0
    """Environment steps of one member."""
    updates: int = 0
    logged_at: int = 0
    """Step of the last point of the log, at which the window began."""
    returns: NDArray[np.float64] | None = None
    """Mean return per member in the last evaluation, `[member]`; None before the first."""
    verdict: str = ""
    """Summary of the last separation audit; empty before the first."""

    @classmethod
    def initial(cls, config: Config, device: torch.device) -> Self:
        """Return the state before the first step.

        Raises:
            ConfigError: the environment does not exist, its spaces cannot be used, or the networks,
                a batch or the metrics do not fit into memory.
        """
        members = config.members
        environments = Environments(
            config.env,
            members,
            config.env_options,
            config.environment_timeout,
            config.log_info,
        )
        observation_dim, action_dim = environments.observation_dim, environments.action_dim
        try:
            require_memory(config, observation_dim, action_dim)
        except ConfigError:
            environments.close()
            raise
        streams = RandomStreams.from_seeds(_seeds(config))
        agent = make_agent(config, observation_dim, action_dim, streams.weights, device)
        return cls(
            config=config,
            device=device,
            agent=agent,
            streams=streams,
            noise=make_noise(config.noise, streams.noise, action_dim, config.noise_theta),
            environments=environments,
            window=MetricsWindow(most_updates(config), members, device),
            multi_step=MultiStep(config.n_step, config.gamma, members, observation_dim, action_dim),
            best=BestPolicies(policy_of(agent), members),
            info=EpisodeInfo(config.log_info, members),
            alive=np.ones(members, bool),
            episode_return=np.zeros(members),
            episode_length=np.zeros(members),
        )

    @property
    def seeds(self) -> list[int]:
        """Seeds of the members."""
        return _seeds(self.config)

    @property
    def normalization(self) -> Normalization | None:
        """Running statistics of the agent, if it has any."""
        return normalization_of(self.agent)

    @property
    def dims(self) -> tuple[int, int]:
        """Widths of an observation and of an action."""
        return self.environments.observation_dim, self.environments.action_dim

    def policies(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1].

        The actions of a dropped member are 0, since an environment may reject NaN.
        """
        action = self.agent.act(torch.from_numpy(observation).to(self.device)).cpu().numpy()
        if np.count_nonzero(self.alive) < len(self.alive):
            action[~self.alive] = 0
        return action

    def best_policies(self) -> dict[str, Any]:
        """Return the best policies, as `load_policy` reads them."""
        return {**self.best.state_dict(), "spaces": self.environments.spaces.state_dict()}

    def identity(self) -> dict[str, Any]:
        """Return the values that a checkpoint and the run that loads it have in common."""
        config = self.config
        return {
            "env": config.env_name,
            "env_options": config.env_options,
            "seed": config.seed,
            "members": config.members,
            "observation_dim": self.environments.observation_dim,
            "action_dim": self.environments.action_dim,
            "hidden": config.hidden,
            "action_layer": config.action_layer,
            "replay_capacity": config.replay_capacity,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors, numbers, strings, and lists and dicts of them.

        Raises:
            StateError: `load_state_dict` would refuse it.
        """
        state = {
            "step": self.step,
            "updates": self.updates,
            "logged_at": self.logged_at,
            "agent": self.agent.state_dict(),
            "streams": self.streams.state_dict(),
            "noise": self.noise.state_dict(),
            "environments": self.environments.state_dict(),
            "spaces": self.environments.spaces.state_dict(),
            "episode_return": self.episode_return.tolist(),
            "episode_length": self.episode_length.tolist(),
            "window": self.window.state_dict(),
            "multi_step": self.multi_step.state_dict(),
            "best": self.best.state_dict(),
            "info": self.info.state_dict(),
            "alive": self.alive.tolist(),
            "returns": None if self.returns is None else self.returns.tolist(),
            "verdict": self.verdict,
        }
        self._require(state)
        self.environments.require(state["environments"])
        return state

    def load_state_dict(self, state: dict[str, Any]) -> list[int]:
        """Load what `state_dict` returned.

        Returns:
            The members whose environment could not be restored exactly. They begin a new episode.

        Raises:
            StateError: `state` is not a state of such a run.
            EnvironmentFaultError: an environment did something wrong.
        """
        self._require(state)
        self.step = state["step"]
        self.updates, self.logged_at = state["updates"], state["logged_at"]
        self.agent.load_state_dict(state["agent"])
        set_learning_rates(self.agent)
        self.streams.load_state_dict(state["streams"])
        self.noise.load_state_dict(state["noise"])
        self.episode_return = np.array(state["episode_return"])
        self.episode_length = np.array(state["episode_length"])
        self.window.load_state_dict(state["window"])
        self.multi_step.load_state_dict(state["multi_step"])
        self.best.load_state_dict(state["best"])
        self.info.load_state_dict(state["info"])
        self.alive[:] = state["alive"]
        self.returns = None if state["returns"] is None else np.array(state["returns"])
        self.verdict = state["verdict"]
        restarted = self.environments.load_state_dict(state["environments"], self._fresh_seeds())
        is_restarted = np.isin(np.arange(self.config.members), restarted)
        self.multi_step.end_episodes(is_restarted)
        self.end_episodes(is_restarted)
        return restarted

    def end_episodes(self, ended: NDArray[np.bool_]) -> None:
        """Reset return, length and noise of the members that are True in `ended` `[member]`."""
        self.episode_return[ended] = 0
        self.episode_length[ended] = 0
        self.info.end_episodes(ended)
        self.noise.reset(ended)
        if self.normalization is not None:
            self.normalization.end_episodes(ended)

    def _require(self, state: dict[str, Any]) -> None:
        """Raise a StateError unless `state` is a state of such a run."""
        members = self.config.members
        pattern = {
            "step": COUNT,
            "updates": COUNT,
            "logged_at": COUNT,
            "agent": self.agent.state_dict(),
            "streams": self.streams.state_dict(),
            "noise": self.noise.state_dict(),
            "environments": {dict},
            "spaces": self.environments.spaces.state_dict(),
            "episode_return": [0.0] * members,
            "episode_length": [0.0] * members,
            "window": TensorPattern((len(Metrics._fields), None, members)),
            "multi_step": {torch.Tensor},
            "best": {dict},
            "info": {torch.Tensor},
            "alive": {list},
            "returns": {list, type(None)},
            "verdict": "",
        }
        require_like(state, pattern)
        require_members(state["alive"], members)
        if state["returns"] is not None:
            require_like(state["returns"], [0.0] * members, "returns")
        self.multi_step.require(state["multi_step"])
        self.best.require(state["best"])
        self.info.require(state["info"])
        updates = state["window"].shape[1]
        most = updates_between(self.config, state["logged_at"], state["step"])
        if updates > most:
            raise StateError(f"window: {updates} updates are not allowed; allowed: up to {most}")
        for part in ("agent", "noise"):
            require_finite(state[part], state["alive"], part)

    def _fresh_seeds(self) -> list[int]:
        """Return one seed per member, for an episode that cannot be restored.

        They differ from the seeds of the run, whose episodes would repeat.
        """
        return [
            int(np.random.SeedSequence([seed, self.step]).generate_state(1)[0])
            for seed in self.seeds
        ]


def _seeds(config: Config) -> list[int]:
    return [config.seed + member for member in range(config.members)]
