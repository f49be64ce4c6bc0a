"""Curves read from `metrics.csv`, and their picture."""

import os
import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.evaluation.curves import draw_runs, read_curve
from ddpg.evaluation.palette import COLOURS
from ddpg.runs.folder import RunFolder
from ddpg.training.loop import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Result of a short run of two members."""
    settings = {"random_steps": 20, "log_every": 10, "evaluation_every": 20, "hidden": (8,)}
    runs = str(tmp_path_factory.mktemp("runs"))
    return train(Config(runs=runs, steps=60, members=2, stop="none", **settings))


def test_a_curve_has_every_member_at_every_step(run):
    curve = read_curve(RunFolder(run.folder), "return/evaluation")
    assert curve.steps.tolist() == [20, 40, 60]
    assert curve.values.shape == (2, 3)
    assert np.array_equal(curve.values[:, -1], run.returns)
    grade = read_curve(RunFolder(run.folder), "separation/critic_update/critic_target/grade")
    assert grade.values.tolist() == [[3.0], [3.0]]


def test_a_picture_of_two_runs(run, tmp_path):
    draw_runs([run.folder, run.folder], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def drawn(run, tmp_path, monkeypatch):
    """Axes and figure of a picture of a run with a long name and of the run itself."""
    figures = []
    save = Figure.savefig

    def keep(figure, *arguments, **options):
        save(figure, *arguments, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    renamed = tmp_path / ("a-run-with-a-long-name-" * 4)
    shutil.copytree(run.folder, renamed)
    draw_runs([renamed, run.folder], tmp_path / "curves.svg")
    return figures[0]


def test_each_module_has_a_lane_with_its_grade_in_words_and_colour(drawn):
    for axis, moved in ((drawn.axes[4], (0, 2, 3)), (drawn.axes[5], (1,))):
        assert [label.get_text() for label in axis.get_yticklabels()] == [
            *("critic", "actor", "critic_target", "actor_target")
        ]
        words = {text.get_position()[1]: text.get_text() for text in axis.texts}
        assert words == {lane: "moved" if lane in moved else "nothing" for lane in range(4)}
        colours = [tuple(bar.get_facecolor()[0]) for bar in axis.collections]
        # The trained module, a leak, and a module that nothing reached.
        assert len(set(colours)) == (3 if len(moved) > 1 else 2)


def test_the_control_has_the_reports_dashes(drawn):
    median = drawn.axes[3].get_lines()[-1]
    assert median.get_color() == COLOURS[0]
    assert median.get_linestyle() == "--"


def test_axes_have_labels_and_one_range_of_steps(drawn):
    assert len({axis.get_xlim() for axis in drawn.axes}) == 1
    assert {axis.get_xlabel() for axis in drawn.axes} == {"environment steps"}
    assert [axis.get_ylabel() for axis in drawn.axes[:2]] == ["return", "module"]


def test_no_text_is_cut(drawn):
    drawn.draw_without_rendering()
    width, height = drawn.canvas.get_width_height()
    ends = []
    for axis in drawn.axes:
        title = axis.get_title("left")
        for text in axis.findobj(Text):
            if text.get_text() in (title, axis.get_xlabel(), axis.get_ylabel()):
                box = text.get_window_extent()
                assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0, text
                ends += [(box.x0, box.x1)] if text.get_text() == title else []
    # The long name does not run into the title at its right.
    assert ends[0][1] < ends[1][0]


def test_bad_arguments_are_config_errors(run, tmp_path):
    for suffix in (".xyz", ".pgf", ""):
        with pytest.raises(ConfigError, match=r"allowed: a name that ends in one of \.png, \.svg"):
            draw_runs([run.folder], tmp_path / f"curves{suffix}")
    with pytest.raises(ConfigError, match=r"runs: 51 is not allowed; allowed: 1 to 50"):
        draw_runs([run.folder] * 51, tmp_path / "curves.png")
    with pytest.raises(ConfigError, match=r"no config\.yaml"):
        draw_runs([tmp_path], tmp_path / "curves.png")
    with pytest.raises(ConfigError, match="it has no point of 'separation/nothing'"):
        read_curve(RunFolder(run.folder), "separation/nothing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["b$_{$c", "a\nb", os.fsdecode(b"r\xff"), "{x}%s"])
def test_an_odd_name_is_drawn(run, tmp_path, name):
    odd = shutil.copytree(run.folder, tmp_path / name)
    draw_runs([odd], tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("tag", "value", "sentence"),
    [
        ("return/evaluation", "inf", "has return/evaluation 'inf'; allowed: numbers from -1e+100"),
        ("return/evaluation", "nan", "has return/evaluation 'nan'; allowed: numbers from -1e+100"),
        ("return/evaluation", "-1e308", "has return/evaluation '-1e308'; allowed: numbers from"),
        ("return/evaluation", "high", "has an invalid number"),
        ("separation/actor_update/critic/grade", "4", "has the value 4; allowed: 0 to 3"),
        ("separation/actor_update/critic/grade", "-1", "has the value -1; allowed: 0 to 3"),
        ("separation/actor_update/critic/grade", "0.5", "has the value 0.5; allowed: 0 to 3"),
    ],
)
def test_a_value_that_cannot_be_drawn_is_one_sentence(run, tmp_path, tag, value, sentence):
    copy = RunFolder(shutil.copytree(run.folder, tmp_path / "copy"))
    header, *lines = copy.metrics_file.read_text().splitlines()
    column = header.split(",").index(tag)
    rows = [line.split(",") for line in lines]
    next(row for row in rows if row[column])[column] = value
    text = "\n".join([header, *(",".join(row) for row in rows)])
    copy.metrics_file.write_text(text + "\n")
    with pytest.raises(ConfigError) as error:
        draw_runs([copy.path], tmp_path / "curves.png")
    assert sentence in str(error.value)
    assert not (tmp_path / "curves.png").exists()
