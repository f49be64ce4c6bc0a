"""Train DDPG: `python scripts/train.py --stop detach`. See `--help` for every setting."""

import shlex
import sys
from pathlib import Path

from ddpg.checkpoint import CheckpointError
from ddpg.command_line import fail, one_sentence_warnings, parse_config
from ddpg.compiled import CompileError
from ddpg.config import ConfigError
from ddpg.display import progress_display, returns_text, show
from ddpg.training import DivergenceError, train


def main() -> int:
    """Exit status: 0 done, 1 diverged, 2 a usage error, 130 interrupted."""
    try:
        with one_sentence_warnings("train.py"), progress_display() as bar:
            config = parse_config()
            result = train(config, lambda progress: show(bar, progress))
    except (ConfigError, CheckpointError, CompileError) as error:
        fail("train.py", error)
    except DivergenceError as error:
        print(f"train.py: stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train.py: interrupted: nothing is saved since the last checkpoint", file=sys.stderr)
        return 130
    folder, script = result.folder, Path(sys.argv[0])
    if not result.finished:
        place = ["--runs", str(folder.parent), "--name", folder.name, "--steps", str(config.steps)]
        again = shlex.join(["python", str(script), "--resume", *place])
        print(f"Stopped at step {result.step:,}. Go on with: {again}")
        return 130
    quoted = shlex.quote(str(folder))
    print(
        f"{folder}: return {returns_text(result.returns)} after {result.step:,} steps. "
        f"Curves: tensorboard --logdir {quoted}. "
        f"Score: python {shlex.quote(str(script.with_name('evaluate.py')))} {quoted}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
