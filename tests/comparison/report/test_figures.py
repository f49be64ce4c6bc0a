"""Figures of a section: styles of doses and of the control."""

import re

import numpy as np

from ddpg.comparison.report import drawing
from ddpg.comparison.report.analysis import analyse
from ddpg.comparison.report.figures import section_figures
from ddpg.comparison.report.panels import Dot, DotPanel, Line, LinePanel
from ddpg.comparison.report.reading import read_folder
from ddpg.comparison.report.sections import split_sections
from ddpg.comparison.report.statistics import Band, Estimate
from ddpg.evaluation.palette import CATEGORIES, COLOURS, DARK_COLOURS, DASHES, SHADES
from tests.comparison.report.written_runs import GRADES, write_run

LEAKY = {**GRADES, "critic_update/critic_target": 3}


def luminance(colour: str) -> float:
    """Return the brightness of a colour such as `#1f2328`."""
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def test_doses_have_shades_by_size_and_kind(tmp_path):
    doses = {f"scale-{scale:g}": {"manual_scale": scale} for scale in (0.01, 0.1, 0.5)}
    doses |= {f"every-{every}": {"manual_every": every} for every in (2, 100)}
    for index, (name, settings) in enumerate(doses.items()):
        write_run(tmp_path, name, -index - 1.0, LEAKY, stop="manual", **settings)
    write_run(tmp_path, "none", -50.0, LEAKY, stop="none")
    write_run(tmp_path, "detach", stop="detach")
    sections, _ = split_sections(read_folder(tmp_path)[0])
    figures = section_figures(analyse(sections[0], []))
    (scores,) = [figure for figure in figures if figure.kind == "scores"]
    panel = scores.panels[0]
    assert isinstance(panel, DotPanel)
    styles = {dot.label: dot.style for dot in panel.dots}
    scales = [styles[f"manual, all × {scale:g}"] for scale in (0.01, 0.1, 0.5)]
    periods = [styles[f"manual, all every {every}"] for every in (100, 2)]
    assert CATEGORIES <= scales[0] < scales[1] < scales[2] < CATEGORIES + SHADES
    assert CATEGORIES + SHADES <= periods[0] < periods[1]
    light = [luminance(COLOURS[style]) for style in scales]
    dark = [luminance(DARK_COLOURS[style]) for style in scales]
    assert light == sorted(light, reverse=True)
    assert dark == sorted(dark)
    assert (styles["none (control)"], styles["detach"]) == (0, 1)
    assert "The stronger the colour, the larger the leak" in scores.caption
    assert len(COLOURS) == len(DARK_COLOURS) == len(DASHES)


def test_the_circle_of_a_point_lies_on_its_marker():
    values = np.array([1.0, 3.0])
    band = Band(np.array([100, 200]), values, values, values, 5)
    line = Line("a <b>", 1, band, "tag", ("a",))
    drawn = drawing.svg(LinePanel("title", "value", (line,)), "x")
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="7"><title>([^<]*)', drawn)
    assert circles[1][2] == "a &lt;b&gt;\n200 steps: 3 [3, 3], members: 5"
    path = re.search(
        r'<path d="M ([\d.]+) ([\d.]+) \nL ([\d.]+) ([\d.]+) \n" clip-path[^>]*line-1', drawn
    )
    assert path is not None
    drawn_points = [float(each) for each in path.groups()]
    assert [float(n) for circle in circles for n in circle[:2]] == [
        round(each, 1) for each in drawn_points
    ]


def test_a_long_label_keeps_its_mark_and_a_long_title_is_whole():
    label = "manual, actor_target × 0.01, critic_target × 0.01 (control)"
    panel = DotPanel(f"{label}, 10 members", "return", (Dot(label, 0, Estimate(1, 0, 2, 3)),))
    drawn = drawing.svg(panel, "x")
    assert "(control)" in drawn
    assert f"{label}, 10 members" in drawn
