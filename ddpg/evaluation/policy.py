"""A trained policy as a plain callable."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ddpg.config.settings import Config
from ddpg.config.types import EnvironmentSource
from ddpg.environments.creation import make_environment
from ddpg.environments.spaces import ActionScale, action_scale, observation_dim
from ddpg.environments.statistics import stored_statistics
from ddpg.errors import ConfigError
from ddpg.networks import Actor
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.runs.state_check import (
    COUNT,
    TensorPattern,
    names_checkpoint,
    require_finite,
    require_like,
    require_members,
)


@dataclass(frozen=True)
class Policy:
    """Deterministic policy of one member, in the environment's own units."""

    env: str
    seed: int
    """Seed of the member."""
    step: int
    """Environment steps of training."""
    actor: Actor
    """Actor of this member only."""
    scale: ActionScale
    statistics: str = ""
    """Statistics of the normalizing wrappers of its environment, for
    `ddpg.environments.statistics.load_statistics`; empty without any."""

    def __call__(self, observation: ArrayLike) -> NDArray[np.floating]:
        """Map `[observation]` -> `[action]`, or `[batch, observation]` -> `[batch, action]`."""
        batch = np.asarray(observation, np.float32)
        with torch.no_grad():
            action = self.actor(torch.from_numpy(np.atleast_2d(batch))[None])[0].numpy()
        return self.scale.to_environment(action.reshape(*batch.shape[:-1], -1))


class StoredActor(NamedTuple):
    """Actor of all members, from the newest checkpoint of a run."""

    config: Config
    step: int
    """Environment steps of training."""
    actor: Actor
    alive: list[bool]
    """`[member]`: False for a member that diverged and was dropped."""
    statistics: list[str]
    """Statistics of each member's normalizing wrappers, if there are any."""
    observation_dim: int
    scale: ActionScale


def load_policy(run: str | Path, member: int = 0, env: EnvironmentSource | None = None) -> Policy:
    """Return the policy of one member of a run, from its newest checkpoint.

    Args:
        run: the run's folder.
        member: index of the member.
        env: needed for a run whose environment is `module:id` or a callable: that name or callable
            again, since a file must not import modules.

    Raises:
        ConfigError: `run` is not a run folder or has no such member, or `env` is missing.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    config, step, actor, alive, statistics, width, scale = load_actor(RunFolder(Path(run)), env)
    if not 0 <= member < config.members:
        raise ConfigError(f"member: {member} is not allowed; allowed: 0 to {config.members - 1}")
    if not alive[member]:
        remaining = ", ".join(str(index) for index in np.flatnonzero(alive))
        raise ConfigError(
            f"member: {member} is not allowed, since it diverged and was dropped from {run}; "
            f"allowed: {remaining}"
        )
    weights = {name: value[member : member + 1] for name, value in actor.state_dict().items()}
    member_actor = Actor([torch.Generator()], width, len(scale.low), config.hidden)
    member_actor.load_state_dict(weights)
    own = statistics[member] if statistics else ""
    return Policy(config.env_name, config.seed + member, step, member_actor, scale, own)


def load_actor(folder: RunFolder, env: EnvironmentSource | None) -> StoredActor:
    """Load the actor of a run's newest checkpoint.

    Args:
        folder: the run's folder.
        env: see `Config.load`.

    Raises:
        ConfigError: the folder is not a run folder, or its environment would import a module.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    config = folder.load_config(env)
    if env is not None and env != config.env:
        raise ConfigError(
            f"env: {env!r} is not allowed; allowed: {config.env_name!r}, the run's own"
        )
    checkpoints = Checkpoints(folder.checkpoints)
    state = checkpoints.load_state()
    environment = make_environment(config.env, config.env_options)
    width, scale = (
        observation_dim(environment.observation_space),
        action_scale(environment.action_space),
    )
    environment.close()
    members = config.members
    generators = [torch.Generator() for _ in range(members)]
    actor = Actor(generators, width, len(scale.low), config.hidden)
    with names_checkpoint(checkpoints.state_path()):
        agent = {"actor": actor.state_dict(), ...: None}
        environments = {"observation": TensorPattern((members, width)), ...: None}
        parts = {"step": COUNT, "agent": agent, "alive": {list}, "environments": environments}
        require_like(state, {**parts, ...: None})
        require_members(state["alive"], members)
        require_finite(state["agent"]["actor"], state["alive"], "agent.actor")
        statistics = stored_statistics(state["environments"], members)
    actor.load_state_dict(state["agent"]["actor"])
    return StoredActor(config, state["step"], actor, state["alive"], statistics, width, scale)
