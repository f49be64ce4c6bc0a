"""Train DDPG: `python scripts/train.py --stop detach`. See `--help` for every setting."""

import sys

from rich.console import Console

from ddpg.checkpoint import CheckpointError
from ddpg.command_line import fail, parse_config
from ddpg.config import ConfigError
from ddpg.display import progress_display, returns_text, show
from ddpg.training import DivergenceError, train


def main() -> int:
    """Exit status: 0 done, 1 diverged, 2 a usage error, 130 interrupted."""
    try:
        config = parse_config()
        with progress_display() as bar:
            result = train(config, lambda progress: show(bar, progress))
    except (ConfigError, CheckpointError) as error:
        fail("train.py", error)
    except DivergenceError as error:
        print(f"train.py: stopped: {error}", file=sys.stderr)
        return 1
    folder, console = result.folder, Console(highlight=False, soft_wrap=True)
    if not result.finished:
        console.print(
            f"Stopped at step {result.step:,}. Go on with: python scripts/train.py --resume "
            f"--runs {folder.parent} --name {folder.name}"
        )
        return 130
    console.print(
        f"{folder}: return {returns_text(result.returns)} after {result.step:,} steps. "
        f"Curves: tensorboard --logdir {folder}. "
        f"Score: python scripts/evaluate.py {folder}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
