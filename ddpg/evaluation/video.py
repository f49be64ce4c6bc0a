"""Videos of a policy, and a window that shows it."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.config.types import EnvironmentSource
from ddpg.environments.creation import make_environment
from ddpg.errors import ConfigError, EnvironmentFaultError, RunWarning
from ddpg.evaluation.policy import Policy, load_policy
from ddpg.isolation.extras import require_extra
from ddpg.runs.files import atomic_write
from ddpg.runs.folder import RunFolder


def video_policy(
    run: str | Path,
    file: Path,
    member: int,
    env: EnvironmentSource | None = None,
    best: bool = False,
) -> Policy:
    """Return the policy of a video, after every check that needs no episode.

    Raises:
        ConfigError: the format is unknown, or there is no such member.
        MissingExtraError: the extra `video` is missing.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    if file.suffix not in (".mp4", ".gif"):
        raise ConfigError(
            f"video: {str(file)!r} is not allowed; allowed: a name that ends in .mp4 or .gif"
        )
    if not file.parent.is_dir():
        raise ConfigError(f"cannot write {file}: The directory does not exist")
    require_extra("video", f"video {str(file)!r}", "imageio", "imageio_ffmpeg")
    return load_policy(run, member, env, best)


def record(
    run: str | Path,
    file: Path,
    member: int,
    seed: int,
    env: EnvironmentSource | None = None,
    best: bool = False,
) -> float:
    """Write one episode of a run's policy as .mp4 or as a .gif that repeats.

    Args:
        run: the run's folder.
        file: the video; its suffix chooses the format.
        member: index of the member.
        seed: the episode starts from `reset(seed=seed)`.
        env: see `load_policy`.
        best: see `load_policy`.

    Returns:
        The undiscounted return of the episode.

    Raises:
        ConfigError: see `video_policy`, or the environment cannot render.
        MissingExtraError: the extra `video` is missing.
        CheckpointError: there is no checkpoint, or it cannot be read.
        EnvironmentFaultError: the environment did something wrong.
        OSError: the file cannot be written.
    """
    policy = video_policy(run, file, member, env, best)
    import imageio.v2 as imageio

    config = RunFolder(Path(run)).load_config(env)
    frames: list[Any] = []
    with closing(_environment(config, policy, "rgb_array")) as environment:
        total = _play(
            environment,
            policy,
            seed,
            config.evaluation_max_steps,
            lambda: frames.append(_frame(environment, frames[:1])),
        )
        rate = environment.metadata.get("render_fps", 30)
    is_gif = file.suffix == ".gif"
    options: dict[str, Any] = {"duration": 1000 / rate, "loop": 0} if is_gif else {"fps": rate}
    with atomic_write(file) as unfinished:
        imageio.mimsave(unfinished, frames, **options)
    return total


def watch(
    run: str | Path,
    member: int,
    seed: int,
    env: EnvironmentSource | None = None,
    best: bool = False,
) -> Iterator[float]:
    """Show episodes of a run's policy in a window; yield the return of each when it ends.

    Args:
        run: the run's folder.
        member: index of the member.
        seed: episode i starts from `reset(seed=seed + i)`.
        env: see `load_policy`.
        best: see `load_policy`.

    Raises:
        ConfigError: there is no such member, or the environment has no window on this machine.
        CheckpointError: there is no checkpoint, or it cannot be read.
        EnvironmentFaultError: the environment did something wrong.
    """
    policy = load_policy(run, member, env, best)
    config = RunFolder(Path(run)).load_config(env)
    with closing(_environment(config, policy, "human")) as environment:
        if environment.render_mode != "human":
            raise ConfigError(f"render: 'human' is not allowed; allowed: none, for {config.env}")
        for number in itertools.count(seed):
            try:
                yield _play(environment, policy, number, config.evaluation_max_steps, lambda: None)
            except RuntimeError as error:  # Of pygame or GLFW, without a screen.
                raise ConfigError(f"cannot show {config.env}: {error}") from error


def _environment(config: Config, policy: Policy, mode: str) -> Any:
    environment: Any = make_environment(config.env, {**config.env_options, "render_mode": mode})
    if policy.statistics:
        environment.freeze_statistics(policy.statistics)
    return environment


def _play(
    environment: Any, policy: Policy, seed: int, max_steps: int, before_step: Callable[[], None]
) -> float:
    """Run one episode and return its undiscounted return."""
    total, ended, steps = 0.0, False, 0
    observation, _ = environment.reset(seed=seed)
    while not ended and steps < max_steps:
        before_step()
        observation, reward, terminated, truncated, _ = environment.step(
            policy(observation.ravel())
        )
        total += float(reward)
        ended = terminated or truncated
        steps += 1
    if not ended:
        warnings.warn(
            f"the episode was cut off after {steps:,} steps (evaluation_max_steps)",
            RunWarning,
            stacklevel=2,
        )
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
