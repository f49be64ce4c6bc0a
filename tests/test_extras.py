"""Missing extras: one sentence with the command, and everything else works."""

import io
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ddpg.cli import compare, plot
from ddpg.cli.display import evaluation_table
from ddpg.evaluation.scores import Evaluation, score
from ddpg.evaluation.video import record
from ddpg.isolation import MissingExtraError, audit, extras
from ddpg.tutorial.drawing import Drawing
from tests.isolation.agents import ActorCritic

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OPTIONAL = (
    "PIL",
    "imageio",
    "jinja2",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pygraphviz",
    "ray",
    "scipy",
    "shtab",
)

EVERYTHING_PUBLIC = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL!r}))
import ddpg, ddpg.isolation, ddpg.stops, ddpg.cli.main
for package in (ddpg, ddpg.isolation, ddpg.stops):
    for name in package.__all__:
        getattr(package, name)
for name in ddpg.cli.main.COMMANDS:
    __import__(f"ddpg.cli.{{name}}")
"""


@pytest.fixture
def no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every optional package is missing."""
    monkeypatch.setattr(extras, "find_spec", {"rich": None}.get)
    monkeypatch.setattr("ddpg.evaluation.confidence.find_spec", {"scipy": None}.get)


def report():
    agent = ActorCritic()
    return audit(agent.contract(), agent.updates(), rounds=1)


@pytest.mark.usefixtures("no_extras")
@pytest.mark.parametrize(
    ("act", "purpose", "missing", "extra"),
    [
        (lambda: report().table(), "table()", "rich", "table"),
        (lambda: report().to_svg(), "to_svg()", "pygraphviz", "graphs"),
        (lambda: report().to_html(), "to_html()", "pygraphviz", "graphs"),
        (lambda: Drawing(()).png(), "a picture of a graph", "pygraphviz", "graphs"),
        (lambda: score(0, np.ones(3), 0).iqm, "an interquartile mean", "scipy", "report"),
        (
            lambda: record("runs/mine", Path("mine.gif"), 0, 0),
            "video 'mine.gif'",
            "imageio and imageio_ffmpeg",
            "video",
        ),
    ],
)
def test_a_missing_extra_is_one_sentence_with_the_command(
    act: Callable[[], Any], purpose: str, missing: str, extra: str
):
    with pytest.raises(MissingExtraError) as caught:
        act()
    command = f'pip install "ddpg-stops[{extra}]"'
    assert str(caught.value) == f"{purpose} needs {missing}; install with: {command}"
    # The audit's extra `table` belongs to its own distribution: Rich is a core dependency here.
    assert extra in PROJECT["optional-dependencies"] or extra == "table"


@pytest.mark.usefixtures("no_extras")
@pytest.mark.parametrize("main", [plot.main, compare.main])
def test_a_command_that_needs_an_extra_begins_nothing(
    main: Callable[[list[str]], int], tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["runs/mine"] if main is plot.main else [])
    assert caught.value.code == 2
    errors = capsys.readouterr().err
    assert re.fullmatch(
        r".* needs matplotlib.*; install with: pip install \"ddpg-stops\[report\]\"\n", errors
    )
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("missing", [False, True])
def test_an_evaluation_without_scipy_has_means_alone(missing, request):
    if missing:
        request.getfixturevalue("no_extras")
    members = [score(seed, np.arange(8.0), 0) for seed in (0, 1)]
    evaluation = Evaluation("mine", "Pendulum-v1", 10, 8, 0, 3.5, members)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(evaluation_table(evaluation))
    text = console.export_text()
    assert "3.50" in text
    assert ("95 % interval" in text) != missing
    plain = evaluation.to_dict()
    assert ("iqm" in plain, "interval" in plain["members"][0]) == (not missing, not missing)


@pytest.mark.slow
def test_everything_public_is_importable_without_extras():
    subprocess.run([sys.executable, "-c", EVERYTHING_PUBLIC], check=True)
