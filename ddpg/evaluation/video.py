"""Videos of a policy."""

from pathlib import Path
from typing import Any

from ddpg.environments.vector import make_environment
from ddpg.errors import ConfigError
from ddpg.evaluation.policy import load_policy
from ddpg.isolation.extras import require_extra
from ddpg.runs.files import atomic_write
from ddpg.runs.folder import RunFolder


def record(run: str | Path, file: Path, member: int, seed: int, env: str | None = None) -> float:
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
    frames, total, ended = [], 0.0, False
    observation, _ = environment.reset(seed=seed)
    while not ended:
        frames.append(environment.render())
        observation, reward, terminated, truncated, _ = environment.step(
            policy(observation.ravel())
        )
        total += float(reward)
        ended = terminated or truncated
    rate = environment.metadata.get("render_fps", 30)
    environment.close()
    with atomic_write(file) as unfinished:
        imageio.mimsave(unfinished, frames, fps=rate)
    return total
