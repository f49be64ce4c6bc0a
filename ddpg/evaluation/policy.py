"""A trained policy as a plain callable."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.environments.vector import ActionScale, action_scale, make, observation_dim
from ddpg.errors import ConfigError
from ddpg.networks import Actor
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.runs.state_check import (
    COUNT,
    names_checkpoint,
    require_finite,
    require_like,
    require_members,
)


@dataclass(frozen=True)
class Policy:
    """One member's deterministic policy, in the environment's own units."""

    env: str
    seed: int
    """The member's seed."""
    step: int
    """Environment steps that it was trained for."""
    actor: Actor
    """With the one member alone."""
    scale: ActionScale

    def __call__(self, observation: NDArray[np.floating]) -> NDArray[np.floating]:
        """`[observation]` -> `[action]`, or `[batch, observation]` -> `[batch, action]`."""
        batch = np.asarray(observation, np.float32)
        with torch.no_grad():
            action = self.actor(torch.from_numpy(np.atleast_2d(batch))[None])[0].numpy()
        return self.scale.to_environment(action.reshape(*batch.shape[:-1], -1))


def load_policy(run: str | Path, member: int = 0, env: str | None = None) -> Policy:
    """The policy of a run's member, from its newest checkpoint.

    Args:
        run: the run's folder.
        member: which one, from 0.
        env: of a run whose environment is `module:id`, that name again, since no file may import.

    Raises:
        ConfigError: there is no run, it has no such member, or its environment is to be named.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    config, step, actor, alive = load_actor(RunFolder(Path(run)), env)
    if not 0 <= member < config.members:
        raise ConfigError(f"member is {member}; allowed: 0 to {config.members - 1}")
    if not alive[member]:
        raise ConfigError(f"member is {member}, which diverged and was dropped from {run}")
    weights = {name: value[member : member + 1] for name, value in actor.state_dict().items()}
    environment = make(config.env, config.env_options)
    scale = action_scale(environment.action_space)
    width = observation_dim(environment.observation_space)
    environment.close()
    own = Actor([torch.Generator()], width, len(scale.low), config.hidden)
    own.load_state_dict(weights)
    return Policy(config.env, config.seed + member, step, own, scale)


def load_actor(folder: RunFolder, env: str | None) -> tuple[Config, int, Actor, list[bool]]:
    """A run's settings, the environment steps of its newest checkpoint, its actor, and whom of the
    members it has not dropped.

    Args:
        folder: the run's.
        env: see `Config.load`.

    Raises:
        ConfigError: there is no run, or its environment would import a module.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    config = folder.load_config(env)
    if env is not None and env != config.env:
        raise ConfigError(f"env is {env!r}, and the run has {config.env!r}; allowed: the run's own")
    checkpoints = Checkpoints(folder.checkpoints)
    state = checkpoints.load_state()
    environment = make(config.env, config.env_options)
    dims = (
        observation_dim(environment.observation_space),
        len(action_scale(environment.action_space).low),
    )
    environment.close()
    actor = Actor([torch.Generator() for _ in range(config.members)], *dims, config.hidden)
    weights = actor.state_dict()
    with names_checkpoint(checkpoints.state_path()):
        agent = {"actor": weights, ...: None}
        require_like(state, {"step": COUNT, "agent": agent, "alive": {list}, ...: None})
        require_members(state["alive"], config.members)
        require_finite(state["agent"]["actor"], state["alive"], "agent.actor")
    actor.load_state_dict(state["agent"]["actor"])
    return config, state["step"], actor, state["alive"]
