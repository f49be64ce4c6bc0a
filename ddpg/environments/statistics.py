"""Running statistics of Gymnasium's normalizing wrappers, which are part of an environment's state.

Source: https://gymnasium.farama.org/api/wrappers/observation_wrappers/
"""

import json
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import NormalizeObservation, NormalizeReward

from ddpg.runs.state_check import require_like


def read_statistics(env: gymnasium.Env[Any, Any]) -> str:
    """Return mean, variance and count of every normalizing wrapper around `env`, as JSON."""
    return json.dumps([_read(wrapper) for wrapper in _normalizers(env)])


def has_statistics(text: str) -> bool:
    """Return whether a result of `read_statistics` has the statistics of any wrapper."""
    return bool(text and json.loads(text))


def wrapper_advice(env: gymnasium.Env[Any, Any]) -> list[str]:
    """Return a sentence per wrapper with running statistics, with the setting that replaces it.

    They are Gymnasium's, and any with an attribute of a class `RunningMeanStd`.
    """
    sentences = []
    known = _normalizers(env)
    layer: Any = env
    while layer is not None:
        kinds = {type(value).__name__ for value in vars(layer).values()}
        if "RunningMeanStd" in kinds:
            name = type(layer).__name__
            has_rewards = isinstance(layer, NormalizeReward) or "reward" in name.lower()
            setting = "reward_scale: auto" if has_rewards else "normalize_observations: true"
            effect = (
                "so the replay has values of older statistics"
                if layer in known
                else "which checkpoints, policies and evaluations do not have"
            )
            sentences.append(
                f"the wrapper {name} normalizes with statistics of its own, {effect}; the setting "
                f"{setting} replaces it, with statistics of the agent"
            )
        layer = vars(layer).get("env")
    return sentences


def load_statistics(env: gymnasium.Env[Any, Any], text: str, frozen: bool = False) -> None:
    """Load a result of `read_statistics`.

    Args:
        env: environment with the same wrappers.
        text: the statistics.
        frozen: whether the wrappers stop to update them, as in an evaluation.

    Raises:
        KeyError, TypeError, ValueError: the text is no such result.
    """
    for wrapper, stored in zip(_normalizers(env), json.loads(text), strict=True):
        wrapper.update_running_mean = not frozen
        statistics = _statistics(wrapper)
        for name in ("mean", "var"):
            values = np.array(stored[name], np.dtype(stored["dtype"]))
            setattr(statistics, name, values.reshape(np.shape(statistics.mean)))
        statistics.count = float(stored["count"])
        if isinstance(wrapper, NormalizeReward):
            wrapper.discounted_reward = np.array(stored["discounted_reward"], np.float64)


def stored_statistics(state: Mapping[str, Any], members: int) -> list[str]:
    """Return the statistics of each member in a state of `Environments`, or an empty list.

    Raises:
        StateError: the state has no such text.
    """
    if "episodes" not in state:
        return []
    require_like(state["episodes"], [{...: None}] * members, "environments.episodes")
    # Records of older checkpoints have no statistics.
    texts = [episode.get("statistics_now", "[]") for episode in state["episodes"]]
    require_like(texts, [""] * members, "environments.episodes.statistics_now")
    return texts


def _normalizers(env: gymnasium.Env[Any, Any]) -> list[Any]:
    wrappers = []
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, NormalizeObservation | NormalizeReward):
            wrappers.append(env)
        env = env.env
    return wrappers


def _statistics(wrapper: Any) -> Any:
    return wrapper.obs_rms if isinstance(wrapper, NormalizeObservation) else wrapper.return_rms


def _read(wrapper: Any) -> dict[str, Any]:
    statistics = _statistics(wrapper)
    mean = np.asarray(statistics.mean)
    values = {
        "dtype": str(mean.dtype),
        "mean": mean.tolist(),
        "var": np.asarray(statistics.var).tolist(),
        "count": float(statistics.count),
    }
    if isinstance(wrapper, NormalizeReward):
        values["discounted_reward"] = np.asarray(wrapper.discounted_reward).tolist()
    return values
