"""A trained policy as a plain callable."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ddpg.config.fields import refusal
from ddpg.config.settings import Config
from ddpg.config.types import EnvironmentSource
from ddpg.environments.creation import make_environment
from ddpg.environments.spaces import Spaces
from ddpg.environments.statistics import stored_statistics
from ddpg.errors import ConfigError
from ddpg.networks import Actor
from ddpg.normalization.agent import NormalizedActor
from ddpg.normalization.statistics import Standardize
from ddpg.runs.best_file import read_best
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
    actor: nn.Module
    """Policy of this member only: `[1, batch, observation]` -> `[1, batch, action]` in [−1, 1]."""
    spaces: Spaces
    statistics: str = ""
    """Statistics of the normalizing wrappers of its environment, for
    `ddpg.environments.statistics.load_statistics`; empty without any."""

    def __call__(self, observation: ArrayLike) -> NDArray[np.floating]:
        """Map an observation to an action, or a batch of observations to a batch of actions.

        Args:
            observation: of the shape of the environment's observations, or flattened; a batch has
                one more dimension in front.

        Returns:
            `[action]` or `[batch, action]`.

        Raises:
            ConfigError: the observation has another shape.
        """
        points = np.asarray(observation, np.float32)
        shape, width = self.spaces.observation_shape, self.spaces.observation_dim
        is_single = points.shape in (shape, (width,))
        if not is_single and points.shape[1:] not in (shape, (width,)):
            allowed = f"{shape}, or (batch, {', '.join(map(str, shape))})"
            raise ConfigError(refusal("shape of the observation", points.shape, allowed))
        batch = torch.from_numpy(points.reshape(1, -1, width))
        with torch.no_grad():
            action = self.actor(batch)[0].numpy()
        scaled = self.spaces.scale.to_environment(action)
        return scaled[0] if is_single else scaled


class StoredActor(NamedTuple):
    """Actor of all members, from the newest checkpoint of a run, or of the best evaluations."""

    config: Config
    steps: list[int]
    """`[member]`: environment steps of training."""
    actor: nn.Module
    """`[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""
    alive: list[bool]
    """`[member]`: False for a member that diverged and was dropped."""
    statistics: list[str]
    """Statistics of each member's normalizing wrappers, if there are any."""
    spaces: Spaces


def load_policy(
    run: str | Path, member: int = 0, env: EnvironmentSource | None = None, best: bool = False
) -> Policy:
    """Return the policy of one member of a run, from its newest checkpoint.

    The environment is not created, so it need not be installed. Checkpoints of earlier versions do
    not have its spaces, so for these it is created.

    Args:
        run: the run's folder.
        member: index of the member.
        env: needed if the environment is created and is `module:id` or a callable: that name or
            callable again, since a file must not import modules.
        best: return the policy of the member's best evaluation instead.

    Raises:
        ConfigError: `run` is not a run folder or has no such member, or `env` is missing.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    load = load_best_actor if best else load_actor
    config, steps, actor, alive, statistics, spaces = load(RunFolder(Path(run)), env)
    if not 0 <= member < config.members:
        raise ConfigError(f"member: {member} is not allowed; allowed: 0 to {config.members - 1}")
    if not alive[member]:
        remaining = ", ".join(str(index) for index in np.flatnonzero(alive))
        raise ConfigError(
            f"member: {member} is not allowed, since it diverged and was dropped from {run}; "
            f"allowed: {remaining}"
        )
    weights = {name: value[member : member + 1] for name, value in actor.state_dict().items()}
    member_actor = _make_actor(config, 1, spaces)
    member_actor.load_state_dict(weights)
    own = statistics[member] if statistics else ""
    return Policy(config.env_name, config.seed + member, steps[member], member_actor, spaces, own)


def load_actor(folder: RunFolder, env: EnvironmentSource | None = None) -> StoredActor:
    """Load the actor of a run's newest checkpoint.

    Args:
        folder: the run's folder.
        env: see `load_policy`.

    Raises:
        ConfigError: the folder is not a run folder, or its environment would import a module.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    config = _allowed_config(folder, env)
    checkpoints = Checkpoints(folder.checkpoints)
    state = checkpoints.load_state()
    members = config.members
    with names_checkpoint(checkpoints.state_path()):
        environments = {"observation": TensorPattern((members, None)), ...: None}
        parts = {"step": COUNT, "agent": {"actor": {dict}, ...: None}, "alive": {list}}
        require_like(state, {**parts, "environments": environments, ...: None})
        require_members(state["alive"], members)
        statistics = stored_statistics(state["environments"], members)
        stored = state.get("spaces")
        spaces = Spaces.from_state_dict(stored) if stored is not None else None
    if spaces is None:
        spaces = _spaces_of(folder.load_config(env))
    with names_checkpoint(checkpoints.state_path()):
        weights = _network_weights(config, state["agent"])
        actor = _load_weights(config, spaces, weights, state["alive"])
    steps = [state["step"]] * members
    return StoredActor(config, steps, actor, state["alive"], statistics, spaces)


def load_best_actor(folder: RunFolder, env: EnvironmentSource | None = None) -> StoredActor:
    """Load the actor of each member's best evaluation.

    Args:
        folder: the run's folder.
        env: see `load_policy`.

    Raises:
        ConfigError: the folder is not a run folder.
        CheckpointError: the run was never evaluated, or the file cannot be read.
    """
    config = _allowed_config(folder, env)
    members = config.members
    state = read_best(folder.best_file)
    with names_checkpoint(folder.best_file):
        lists = {"steps": [COUNT] * members, "scores": [0.0] * members}
        texts = {"statistics": [""] * members}
        require_like(state, {"actor": {dict}, "spaces": {dict}, **lists, **texts})
        has_best = np.isfinite(state["scores"]).tolist()
        require_members(has_best, members)
        spaces = Spaces.from_state_dict(state["spaces"])
        actor = _load_weights(config, spaces, state["actor"], has_best)
    return StoredActor(config, state["steps"], actor, has_best, state["statistics"], spaces)


def _allowed_config(folder: RunFolder, env: EnvironmentSource | None) -> Config:
    config = folder.stored_config() if env is None else folder.load_config(env)
    if env is not None and env != config.env:
        raise ConfigError(
            f"env: {env!r} is not allowed; allowed: {config.env_name!r}, the run's own"
        )
    return config


def _network_weights(config: Config, agent: dict[str, Any]) -> Any:
    """Return the weights in the state of an agent, as `_make_actor` names them."""
    if not config.normalize_observations:
        return agent["actor"]
    require_like(agent, {"normalization": {"constants": {dict}, ...: None}, ...: None}, "agent")
    parts = {"constants": agent["normalization"]["constants"], "actor": agent["actor"]}
    return {f"{part}.{name}": parts[part][name] for part in parts for name in parts[part]}


def _load_weights(config: Config, spaces: Spaces, weights: Any, alive: list[bool]) -> nn.Module:
    """Return an actor with stored weights.

    Raises:
        StateError: they are not the weights of such an actor.
    """
    members = config.members
    # Compared before an actor of these widths takes memory.
    first = TensorPattern((members, spaces.observation_dim, config.hidden[0]))
    last = TensorPattern((members, config.hidden[-1], len(spaces.action_low)))
    prefix = "actor." if config.normalize_observations else ""
    ends = {f"{prefix}hidden.0.weight": first, f"{prefix}output.weight": last, ...: None}
    require_like(weights, ends, "agent.actor")
    actor = _make_actor(config, members, spaces)
    require_like(weights, actor.state_dict(), "agent.actor")
    require_finite(weights, alive, "agent.actor")
    actor.load_state_dict(weights)
    return actor


def _spaces_of(config: Config) -> Spaces:
    environment: Any = make_environment(config.env, config.env_options)
    spaces = Spaces.of(environment.observation_space, environment.action_space)
    environment.close()
    return spaces


def _make_actor(config: Config, members: int, spaces: Spaces) -> nn.Module:
    generators = [torch.Generator() for _ in range(members)]
    width = spaces.observation_dim
    widths = (width, len(spaces.action_low), config.hidden)
    actor = Actor(generators, *widths, **config.network_options)
    is_normalized = config.normalize_observations
    return NormalizedActor(Standardize(members, width), actor) if is_normalized else actor
