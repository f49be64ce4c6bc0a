"""Weights and transitions that a new run starts with: the settings `initial` and `prefill`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpg.agent import DDPG
from ddpg.environments.vector import Transition
from ddpg.errors import ConfigError, StateError
from ddpg.normalization.agent import normalization_of
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.runs.state_check import names_checkpoint, require_finite, require_like
from ddpg.training.state import TrainingState

_COLUMNS = ("observation", "action", "reward", "next_observation", "terminated")
_ENDS = "truncated"
"""Column that multi-step returns need too: a time limit ended the episode after this step."""


def set_starting_point(state: TrainingState, replay: ReplayBuffer) -> None:
    """Load `initial` and `prefill` into a run, unless it resumes from a checkpoint.

    Raises:
        ConfigError: a run or a file cannot be used.
        CheckpointError: the other run has no checkpoint, or it cannot be read.
    """
    config = state.config
    own = RunFolder(Path(config.runs) / str(config.name)).checkpoints
    if config.resume and Checkpoints(own).latest_step() is not None:
        return
    try:
        if config.initial is not None:
            load_weights(state.agent, Path(config.initial))
        if config.prefill is not None:
            fill(state, replay, Path(config.prefill))
    except BaseException:
        state.environments.close()
        raise


def load_weights(agent: DDPG, run: Path) -> None:
    """Load the networks of another run's newest checkpoint; optimizers start from zero.

    Raises:
        ConfigError: it is not a run folder.
        CheckpointError: there is no checkpoint, or its networks have other shapes.
    """
    folder = RunFolder(run)
    folder.stored_config()
    checkpoints = Checkpoints(folder.checkpoints)
    state = checkpoints.load_state()
    pattern: dict[Any, Any] = {name: module.state_dict() for name, module in agent.modules.items()}
    normalization = normalization_of(agent)
    if normalization is not None:
        pattern["normalization"] = normalization.state_dict()
    with names_checkpoint(checkpoints.state_path()):
        require_like(state, {"agent": {**pattern, ...: None}, ...: None})
        if normalization is None and "normalization" in state["agent"]:
            raise StateError(
                "its networks take normalized observations or scaled rewards; allowed: a run with "
                "the same normalize_observations and reward_scale"
            )
        for name, module in agent.modules.items():
            require_finite(state["agent"][name], [True] * agent.config.members, f"agent.{name}")
            module.load_state_dict(state["agent"][name])
        if normalization is not None:
            normalization.load_state_dict(state["agent"]["normalization"])
            normalization.end_episodes(np.ones(agent.config.members, bool))


def fill(state: TrainingState, replay: ReplayBuffer, file: Path) -> None:
    """Store the transitions of an `.npz` file in the replay buffer of every member.

    Raises:
        ConfigError: the file cannot be read, or its arrays do not fit the run.
    """
    columns = _read(state, file)
    members = state.config.members
    nothing = np.zeros((members, 0))
    for values in zip(*columns.values(), strict=True):
        observation, action, reward, following, terminated, ended = (
            np.repeat(np.asarray(value)[None], members, axis=0) for value in values
        )
        step = Transition(following, reward, terminated, ended, nothing)
        state.multi_step.add(replay, observation, action, step)
        if state.normalization is not None:
            state.normalization.add_observation(observation)
            state.normalization.add_reward(reward)
            state.normalization.end_episodes(ended)
    everyone = np.ones(members, bool)
    state.multi_step.end_episodes(everyone)
    if state.normalization is not None:
        state.normalization.end_episodes(everyone)


def _read(state: TrainingState, file: Path) -> dict[str, NDArray[Any]]:
    """Return the columns of a file as replay has them, and the ends of episodes.

    Raises:
        ConfigError: see `fill`.
    """
    arrays = _arrays(file)
    needed = _COLUMNS if state.config.n_step == 1 else (*_COLUMNS, _ENDS)
    missing = [name for name in needed if name not in arrays]
    if missing:
        allowed = f"the arrays {', '.join(needed)}"
        raise ConfigError(f"prefill: {file} has no array {', '.join(missing)}; allowed: {allowed}")
    count = len(np.atleast_1d(arrays["reward"]))
    capacity = state.config.replay_capacity
    if not 0 < count <= capacity:
        allowed = f"1 to {capacity:,}, the replay_capacity"
        raise ConfigError(f"prefill: {file} has {count:,} transitions; allowed: {allowed}")
    shape, scale = state.environments.spaces.observation_shape, state.environments.scale
    shapes = {
        "observation": (count, *shape),
        "action": (count, len(scale.low)),
        "next_observation": (count, *shape),
    }
    columns: dict[str, NDArray[Any]] = {
        name: _numbers(file, name, arrays[name], shapes.get(name, (count,))) for name in needed
    }
    low, high = scale.low, scale.high
    if not ((columns["action"] >= low) & (columns["action"] <= high)).all():
        allowed = f"{low.tolist()} to {high.tolist()}, the bounds of the environment"
        raise ConfigError(
            f"prefill: {file} has an action outside of its bounds; allowed: {allowed}"
        )
    columns["action"] = (columns["action"] - scale.center) / scale.half_range
    for name in ("observation", "action", "next_observation"):
        columns[name] = columns[name].reshape(count, -1).astype(np.float32)
    columns["terminated"] = columns["terminated"].astype(bool)
    truncated = columns.pop(_ENDS, np.zeros(count)).astype(bool)
    return {**columns, "ended": columns["terminated"] | truncated}


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in (*_COLUMNS, _ENDS) if name in stored}
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from error
    # A crafted archive can make the reader raise almost anything.
    except Exception as error:
        raise ConfigError(
            f"cannot read {file}: it is not an .npz file of numbers; allowed: what numpy.savez "
            "writes"
        ) from error


def _numbers(
    file: Path, name: str, array: NDArray[Any], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    if array.shape != shape or array.dtype.kind not in "biuf":
        what = f"{array.dtype} of shape {list(array.shape)}"
        raise ConfigError(
            f"prefill: {name} in {file} is {what}; allowed: numbers of shape {list(shape)}"
        )
    numbers = array.astype(np.float64)
    if name in ("terminated", _ENDS) and not np.isin(numbers, (0, 1)).all():
        raise ConfigError(f"prefill: {name} in {file} is not a flag; allowed: true or false")
    if not (np.abs(numbers) <= np.finfo(np.float32).max).all():
        raise ConfigError(f"prefill: {name} in {file} is not finite; allowed: finite numbers")
    return numbers
