"""Train DDPG: `python scripts/train.py --stop detach`."""

from collections.abc import Sequence
from pathlib import Path

from ddpg.cli.command import command
from ddpg.cli.display import returns_text
from ddpg.cli.imports import allow_current_folder
from ddpg.cli.invocation import program
from ddpg.cli.parser import make_parser as make_parser
from ddpg.cli.parser import parse_config
from ddpg.cli.shell import option, own_command, tensorboard_command
from ddpg.cli.streams import print_outcome
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, DamagedCheckpointError
from ddpg.training.display import progress_display
from ddpg.training.loop import train
from ddpg.training.progress import TrainingResult
from ddpg.training.separation import outcome_in_words


@command("train", interrupted="interrupted: the steps since the last checkpoint are lost")
def main(arguments: Sequence[str] | None = None) -> int:
    """Train; return 0, or 128 + n if signal n interrupted it."""
    with progress_display() as show:
        config = parse_config(arguments)
        allow_current_folder([config.env])
        try:
            result = train(config, show)
        except DamagedCheckpointError as error:
            if error.before is None or config.resume_from == "previous":
                raise
            again = _resume_command(config, Path(config.runs, str(config.name)))
            raise CheckpointError(
                f"{error}; the checkpoint before it is of step {error.before:,}. Continue from it "
                f"with: {again} --resume_from previous"
            ) from error
    if result.signal and not result.finished:
        again = _resume_command(config, result.folder)
        print_outcome(program("train"), f"Stopped at step {result.step:,}. Continue with: {again}")
        return 128 + result.signal
    print_outcome(program("train"), _summary(config, result))
    return 0


def _summary(config: Config, result: TrainingResult) -> str:
    """Return the last lines of a finished run: return, separation, commands that show it."""
    evaluated = result.returns is not None
    score_text = f"return {returns_text(result.returns)}" if evaluated else "never evaluated"
    separation = outcome_in_words(result.folder / "metrics.csv", config.members)
    early = f"; it ended early, since {result.early}" if result.early else ""
    lines = [
        f"{result.folder}: {score_text} after {result.step:,} steps{early}.",
        *([f"Separation: {separation}."] if separation else []),
        *(_curves(result.folder) if config.tensorboard else []),
        f"Score: {own_command('evaluate', result.folder, *_module_option(config))}",
    ]
    return "\n".join(lines)


def _curves(folder: Path) -> list[str]:
    """Return the command that shows the curves, and an address of the page that it serves."""
    # TensorBoard orders its groups of curves by name alone; a filter leaves two of them.
    address = "http://localhost:6006/?tagFilter=return%7Cseparation"
    return [f"Curves: {tensorboard_command(folder)}", f"Return and separation first: {address}"]


def _resume_command(config: Config, folder: Path) -> str:
    """Return the command that resumes the run in `folder`, up to the same last step."""
    words = [*option("runs", str(folder.parent)), *option("name", folder.name)]
    words += ["--steps", str(config.steps), *_module_option(config)]
    return own_command("train", "--resume", *words)


def _module_option(config: Config) -> list[str]:
    """Return the environment for a command line, since a run's own file may not import a module."""
    return option("env", config.env_name) if ":" in config.env_name else []
