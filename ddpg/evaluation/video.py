"""Videos of a policy."""

from pathlib import Path
from typing import Any

from ddpg.environments.vector import make
from ddpg.errors import ConfigError
from ddpg.evaluation.policy import load_policy
from ddpg.runs.files import atomic_write
from ddpg.runs.folder import RunFolder


def record(run: str | Path, file: Path, member: int, seed: int, env: str | None = None) -> float:
    """Write one episode of a run's policy as .mp4 or .gif; needs the extra `video`.

    Args:
        run: the run's folder.
        file: what to write; the ending chooses the format.
        member: which one, from 0.
        seed: the episode starts from `reset(seed=seed)`.
        env: of a run whose environment is `module:id`, that name again, since no file may import.

    Returns:
        The episode's return.

    Raises:
        ConfigError: the format is unknown, the extra is missing, or the environment cannot render.
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    if file.suffix not in (".mp4", ".gif"):
        raise ConfigError(f"video is {str(file)!r}; allowed: a name that ends in .mp4 or .gif")
    try:
        import imageio.v2 as imageio
    except ImportError as error:
        raise ConfigError("video needs imageio: pip install -e '.[video]'") from error
    policy = load_policy(run, member, env)
    config = RunFolder(Path(run)).load_config(env)
    environment: Any = make(config.env, {**config.env_options, "render_mode": "rgb_array"})
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
