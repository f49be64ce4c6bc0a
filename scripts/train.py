"""Train DDPG: `python scripts/train.py --stop detach`. See `--help` for every setting."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ddpg.training.interrupt import ends_at_once

if TYPE_CHECKING:
    from ddpg.config.settings import Config


def main() -> int:
    """Exit status: 0 done, 1 stopped by a fault, 2 a usage error, 128 + n by signal n."""
    try:
        return command()
    except KeyboardInterrupt:
        print("train.py: interrupted: nothing is saved since the last checkpoint", file=sys.stderr)
        return 130


def command() -> int:
    """What the command line asks for; returns the exit status."""
    with ends_at_once():
        # Here, since PyTorch takes seconds to load.
        from ddpg.cli.display import progress_display, returns_text, show
        from ddpg.cli.parser import fail, one_sentence_warnings, parse_config
        from ddpg.errors import (
            CheckpointError,
            CompileError,
            ConfigError,
            DamagedCheckpointError,
            RunError,
        )
        from ddpg.training.loop import train

    config = None
    try:
        with one_sentence_warnings("train.py"), progress_display() as bar:
            config = parse_config()
            result = train(config, lambda progress: show(bar, progress))
    except DamagedCheckpointError as error:
        if config is None or error.before is None or config.resume_from == "previous":
            fail("train.py", error)
        again = resume_command(config, Path(config.runs, str(config.name)))
        fail(
            "train.py",
            f"{error}; go on from the checkpoint before it, of step {error.before:,}, with: "
            f"{again} --resume_from previous",
        )
    except (ConfigError, CheckpointError, CompileError) as error:
        fail("train.py", error)
    except RunError as error:
        print(f"train.py: stopped: {error}", file=sys.stderr)
        return 1
    folder, script = result.folder, Path(sys.argv[0])
    if result.signal and not result.finished:
        print(f"Stopped at step {result.step:,}. Go on with: {resume_command(config, folder)}")
        return 128 + result.signal
    quoted = shlex.quote(str(folder))
    evaluated = result.returns is not None
    told = f"return {returns_text(result.returns)}" if evaluated else "never evaluated"
    curves = f"Curves: tensorboard --logdir {quoted}. " if config.tensorboard else ""
    print(
        f"{folder}: {told} after {result.step:,} steps. {curves}"
        f"Score: python {shlex.quote(str(script.with_name('evaluate.py')))} {quoted}"
    )
    return 0


def resume_command(config: "Config", folder: Path) -> str:
    """What goes on with the run in `folder`, up to the length that was asked for."""
    place = ["--runs", str(folder.parent), "--name", folder.name, "--steps", str(config.steps)]
    # A run's own file may not import a module, so it is to be named again.
    named = ["--env", config.env] if ":" in config.env else []
    return shlex.join(["python", sys.argv[0], "--resume", *place, *named])


if __name__ == "__main__":
    raise SystemExit(main())
