"""Command line of `scripts/compare.py`: plan, progress bar, report and exit status."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from ddpg.cli.command import STOPPED, command
from ddpg.cli.imports import allow_current_folder
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.cli.shell import tensorboard_command
from ddpg.cli.streams import print_outcome
from ddpg.comparison.plan import ALL, Plan
from ddpg.comparison.report.reading import SUMMARY
from ddpg.comparison.running.runner import ComparisonProgress, ComparisonResult, run
from ddpg.config.environment import module_message
from ddpg.config.packaged import packaged_file
from ddpg.config.yaml_file import read_value
from ddpg.errors import ConfigError, StorageError
from ddpg.isolation.extras import require_extra
from ddpg.training.display import meter

_AXIS_OPTIONS = {
    "stops": ("stop", "A,B,... or all: stops of the critic update"),
    "actor_stops": ("actor_stop", "A,B,... or all: stops of the actor update"),
    "bootstrap_actors": ("bootstrap_actor", "target, live, or target,live"),
    "envs": ("env", "A,B,...: Gymnasium environments"),
}
"""Option -> axis and help text."""


@command("compare", interrupted="interrupted: checkpoints may be missing")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and its report; return the exit status.

    Returns:
        0: done. 1: a run was given up, or a file cannot be written. 128 + signal: interrupted. A
        usage error exits with status 2.
    """
    parsed = make_parser().parse_args(arguments)
    # Before the runs, which take long.
    require_extra("report", "the report of a comparison", "matplotlib", "scipy", "jinja2")
    try:
        if parsed.report_only:
            _print_report(parsed.report_only)
            return 0
        plan = read_plan(parsed)
        with meter("steps") as show:
            result = run(
                plan,
                lambda p: show(p.agent_steps, p.all_agent_steps, _detail(p)),
                parsed.workers,
                parsed.ray_address,
            )
        return _print_result(result)
    except OSError as error:
        raise StorageError(f"cannot write {error.filename}: {error.strerror}") from error


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(
        prog=program("compare"),
        description="Train and compare stops. Runs that are already stored are not repeated.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("comparison"),
        help="YAML file of the comparison, or the name of a packaged one, such as study-actor",
    )
    parser.add_argument("--name", type=str | None, help="folder of the comparison, below --runs")
    parser.add_argument("--runs", type=str | None, help="parent folder")
    for option, (_, text) in _AXIS_OPTIONS.items():
        parser.add_argument(f"--{option.replace('_', '-')}", type=str | None, help=text)
    parser.add_argument(
        "--axis",
        action="append",
        default=[],
        help="NAME=A,B,...: another setting to compare, such as optimizer=adam,sgd or "
        "critic_learning_rate=1e-3,1e-4; repeatable",
    )
    parser.add_argument("--members", type=str | None, help="independent agents per run")
    parser.add_argument("--steps", type=str | None, help="environment steps of one member")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        help="NAME=VALUE: another setting of all runs; repeatable",
    )
    parser.add_argument(
        "--workers", type=int | None, help="number of processes, ≥ 1; default: one per core"
    )
    parser.add_argument(
        "--ray-address",
        type=str | None,
        help="run on a Ray cluster: auto, host:port, or local, which starts one; each machine "
        "needs this package; the runs are stored here",
    )
    parser.add_argument(
        "--report-only", type=Path | None, help="only write the report of the runs in this folder"
    )
    return parser


def read_plan(parsed: Namespace) -> Plan:
    """Return the plan of the file, overridden by the command line.

    Raises:
        ConfigError: the file or the command line has a value that is not allowed.
    """
    if parsed.workers is not None and parsed.workers < 1:
        raise ConfigError(f"workers: {parsed.workers} is not allowed; allowed: a whole number ≥ 1")
    place = {key: parsed[key] for key in ("name", "runs") if parsed[key] is not None}
    axes = {
        axis: _values(option, parsed[option])
        for option, (axis, _) in _AXIS_OPTIONS.items()
        if parsed[option] is not None
    }
    axes |= {name: _values(name, text) for name, text in _pairs("axis", parsed.axis)}
    settings = {
        key: _value(key, parsed[key]) for key in ("members", "steps") if parsed[key] is not None
    }
    settings |= {name: _value(name, text) for name, text in _pairs("set", parsed.set)}
    plan = Plan.load(packaged_file(str(parsed.config)) or parsed.config)
    plan = plan.override(axes, settings, **place)
    typed_envs = [*axes.get("env", []), settings.get("env")]
    allow_current_folder(typed_envs)
    for task in plan.tasks():
        if ":" in task.config.env_name and task.config.env_name not in typed_envs:
            raise ConfigError(module_message(parsed.config, task.config.env_name))
    return plan


def _pairs(option: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Split every `NAME=VALUE` of a repeatable option."""
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"{option}: {text!r} is not allowed; allowed: NAME=VALUE")
        yield name, value


def _values(name: str, text: str) -> Any:
    """Return the values in `A,B,...`, or `all`."""
    return ALL if text == ALL else _value(name, text, f"[{text}]")


def _value(name: str, text: str, as_yaml: str | None = None) -> Any:
    try:
        return read_value(as_yaml or text)
    except ConfigError as error:
        raise ConfigError(f"cannot read {name}={text!r} as YAML") from error


def _detail(progress: ComparisonProgress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"runs {progress.ended}/{progress.tasks}{failed}"


def _print_result(result: ComparisonResult) -> int:
    """Print the result and write the report of a finished comparison; return the exit status."""
    for name, error in result.failed.items():
        print(f"{program('compare')}: {name} was given up: {error}", file=sys.stderr)
    if not result.finished:
        text = "Interrupted: run the same command to continue. Stored so far:"
        print_outcome(program("compare"), f"{text} {result.folder}")
        return 128 + result.signal
    print_outcome(program("compare"), f"Done: {result.folder}.")
    print_outcome(program("compare"), f"Curves per member: {tensorboard_command(result.folder)}")
    _print_report(result.folder)
    return STOPPED if result.failed else 0


def _print_report(folder: Path) -> None:
    """Write the report of the runs in `folder`; print where it is and how to see its curves."""
    page = _report(folder)
    curves = tensorboard_command(folder / SUMMARY)
    print_outcome(program("compare"), f"Curves per variant: {curves}\nReport: {page}")


def _report(folder: Path) -> Path:
    """Write the report of the runs in `folder`, measuring their cost the first time."""
    # Matplotlib and SciPy take long to import, and training does not need them.
    from ddpg.comparison.report.cost import COST_FILE, measure_cost
    from ddpg.comparison.report.page import write_report

    if folder.is_dir() and not (folder / COST_FILE).exists():
        with meter("%") as show:
            measure_cost(folder, report=lambda share: show(100 * share, 100, "cost of an update"))
    with meter("parts of the report") as show:
        return write_report(folder, show)
