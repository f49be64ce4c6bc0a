"""The command line of `scripts/compare.py`."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace

from ddpg.cli.command import STOPPED, command
from ddpg.cli.compare_display import comparison_display
from ddpg.cli.parser import OneSentenceParser
from ddpg.comparison.plan import ALL, Plan
from ddpg.comparison.running.schedule import Result, run
from ddpg.config.settings import module_in_a_file
from ddpg.errors import ConfigError, StorageError

_PROGRAM = "compare.py"
_LISTS = {
    "stops": ("stop", "stops of the critic update, or all: those that are legal there"),
    "actor_stops": ("actor_stop", "stops of the actor update, or all"),
    "bootstrap_actors": ("bootstrap_actor", "target, live, or both"),
    "envs": ("env", "Gymnasium environments"),
}
"""Option -> axis, and what it lists."""


@command(_PROGRAM, interrupted="interrupted: checkpoints may be missing")
def main(default_plan: Path, arguments: Sequence[str] | None = None) -> int:
    """Return 0, 1 if a run was given up or a file cannot be written, or 128 + signal.

    A usage error exits with status 2.
    """
    parsed = _parser(default_plan).parse_args(arguments)
    try:
        if parsed.report_only:
            print(_report(parsed.report_only))
            return 0
        with comparison_display() as show:
            result = run(_plan(parsed), show, parsed.workers, parsed.ray_address)
        return _tell(result)
    except OSError as error:
        raise StorageError(f"cannot write {error.filename}: {error.strerror}") from error


def _parser(default_plan: Path) -> ArgumentParser:
    parser = OneSentenceParser(
        prog=_PROGRAM,
        description="Train every stop with many seeds. What is stored is not run again.",
    )
    parser.add_argument(
        "--config", type=Path, default=default_plan, help="YAML file of the comparison"
    )
    parser.add_argument("--name", type=str | None, help="the comparison's folder below runs")
    parser.add_argument("--runs", type=str | None, help="folder above it")
    for option, (axis, text) in _LISTS.items():
        names = dict.fromkeys((f"--{option.replace('_', '-')}", f"--{option}"))
        parser.add_argument(*names, type=str | None, help=f"axis {axis}: {text}; A,B,...")
    parser.add_argument(
        "--axis",
        action="append",
        default=[],
        help="NAME=A,B,...: any other setting to compare, such as optimizer=adam,sgd or "
        "manual_scale=0,0.1,1; may be given again",
    )
    parser.add_argument("--members", type=str | None, help="independent agents of each run")
    parser.add_argument("--steps", type=str | None, help="environment steps of one member")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        help="NAME=VALUE: any other setting, for all runs; may be given again",
    )
    parser.add_argument(
        "--workers", type=int | None, help="processes at a time, ≥ 1; default: one a core"
    )
    parser.add_argument(
        "--ray-address",
        type=str | None,
        help="run on the Ray cluster there: auto, host:port, or local, which starts one; each of "
        "its machines needs this package; the runs are stored here",
    )
    parser.add_argument(
        "--report-only", type=Path | None, help="only build the report of the runs in this folder"
    )
    return parser


def _plan(parsed: Namespace) -> Plan:
    """The plan of the file, as the command line changes it."""
    if parsed.workers is not None and parsed.workers < 1:
        raise ConfigError(f"workers is {parsed.workers}; allowed: a whole number ≥ 1")
    place = {key: parsed[key] for key in ("name", "runs") if parsed[key] is not None}
    axes = {
        axis: _listed(option, parsed[option])
        for option, (axis, _) in _LISTS.items()
        if parsed[option] is not None
    }
    axes |= {name: _listed(name, text) for name, text in map(_pair, parsed.axis)}
    settings = {
        key: _value(key, parsed[key]) for key in ("members", "steps") if parsed[key] is not None
    }
    settings |= {name: _value(name, text) for name, text in map(_pair, parsed.set)}
    plan = Plan.load(parsed.config).changed(axes, settings, **place)
    named = [*axes.get("env", []), settings.get("env")]
    for task in plan.tasks():
        if ":" in task.config.env and task.config.env not in named:
            raise ConfigError(module_in_a_file(parsed.config, task.config.env))
    return plan


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ConfigError(f"{text!r} sets nothing; allowed: NAME=VALUE")
    return name, value


def _listed(name: str, text: str) -> Any:
    """`A,B,...` as values, or `all`."""
    return ALL if text == ALL else _value(name, text, f"[{text}]")


def _value(name: str, text: str, in_yaml: str | None = None) -> Any:
    try:
        return yaml.safe_load(in_yaml or text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is {text!r}, which cannot be read as YAML") from error


def _tell(result: Result) -> int:
    for name, error in result.failed.items():
        print(f"{_PROGRAM}: {name} was given up: {error}", file=sys.stderr)
    if not result.finished:
        print(f"Stopped; {result.folder} holds what is done. The same command goes on with it.")
        return 128 + result.signal
    folder = shlex.quote(str(result.folder))
    print(f"{result.folder}: done. Curves: tensorboard --logdir {folder}")
    print(f"Report: {_report(result.folder)}")
    return STOPPED if result.failed else 0


def _report(folder: Path) -> Path:
    """The report of the runs in `folder`, with what their stops cost, measured once."""
    # These bring Matplotlib and rliable along, which a run without its report does without.
    from ddpg.comparison.report import cost
    from ddpg.comparison.report.page import write_report

    if folder.is_dir() and not (folder / cost.FILE).exists():
        cost.measure_cost(folder)
    return write_report(folder)
