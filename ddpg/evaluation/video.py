"""Videos of a policy."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ddpg.config.types import EnvironmentSource
from ddpg.environments.creation import make_environment
from ddpg.errors import ConfigError, EnvironmentFaultError, RunWarning
from ddpg.evaluation.policy import load_policy
from ddpg.isolation.extras import require_extra
from ddpg.runs.files import atomic_write
from ddpg.runs.folder import RunFolder


def record(
    run: str | Path, file: Path, member: int, seed: int, env: EnvironmentSource | None = None
) -> float:
    """Write one episode of a run's policy as .mp4 or .gif; needs the extra `video`.

    Args:
        run: the run's folder.
        file: the video; its suffix chooses the format.
        member: index of the member.
        seed: the episode starts from `reset(seed=seed)`.
        env: see `load_policy`.

    Returns:
        The undiscounted return of the episode.

    Raises:
        ConfigError: the format is unknown, or the environment cannot render.
        MissingExtraError: the extra `video` is missing.
        CheckpointError: there is no checkpoint, or it cannot be read.
        EnvironmentFaultError: the environment did something wrong.
        OSError: the file cannot be written.
    """
    if file.suffix not in (".mp4", ".gif"):
        raise ConfigError(
            f"video: {str(file)!r} is not allowed; allowed: a name that ends in .mp4 or .gif"
        )
    require_extra("video", f"video {str(file)!r}", "imageio", "imageio_ffmpeg")
    import imageio.v2 as imageio

    policy = load_policy(run, member, env)
    config = RunFolder(Path(run)).load_config(env)
    environment: Any = make_environment(
        config.env, {**config.env_options, "render_mode": "rgb_array"}
    )
    if policy.statistics:
        environment.freeze_statistics(policy.statistics)
    frames, total, ended = [], 0.0, False
    observation, _ = environment.reset(seed=seed)
    while not ended and len(frames) < config.evaluation_max_steps:
        frames.append(_frame(environment, frames[:1]))
        observation, reward, terminated, truncated, _ = environment.step(
            policy(observation.ravel())
        )
        total += float(reward)
        ended = terminated or truncated
    if not ended:
        warnings.warn(
            f"the episode was cut off after {len(frames):,} steps (evaluation_max_steps)",
            RunWarning,
            stacklevel=2,
        )
    rate = environment.metadata.get("render_fps", 30)
    environment.close()
    with atomic_write(file) as unfinished:
        imageio.mimsave(unfinished, frames, fps=rate)
    return total


def _frame(environment: gymnasium.Env[Any, Any], first: list[NDArray[Any]]) -> NDArray[np.uint8]:
    """Return the next picture, of the same size as the `first`.

    Raises:
        EnvironmentFaultError: the environment rendered something else.
    """
    frame: Any = environment.render()
    shape, dtype = np.shape(frame), getattr(frame, "dtype", None)
    if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or (first and shape != first[0].shape):
        what = f"an array of {dtype} of shape {shape}" if dtype else f"a {type(frame).__name__}"
        allowed = first[0].shape if first else "(height, width, 3)"
        raise EnvironmentFaultError(f"rendered {what}; allowed: uint8 of shape {allowed}")
    return frame
