"""Every graph is drawn, and its parameters are those that the audit found reached."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from ddpg.stops import STOPS, Crossing, Effect, stop_names
from ddpg.tutorial.agent_update import (
    BOOTSTRAP_ACTORS,
    UpdateName,
    draw_actor_update,
    draw_critic_update,
    run_agent_update,
)
from ddpg.tutorial.blocks import GraphFigure
from ddpg.tutorial.drawing import GRADES, LEGEND, Box, Drawing, Graph, GraphPanel
from ddpg.tutorial.layers_update import run_layers_update
from ddpg.tutorial.lesson.contents import lesson_sections
from ddpg.tutorial.lesson.layer_stops import draw_layers

RUNNING = (Effect.LEAKS, Effect.PROTECTS, Effect.STARVES)
UPSTREAM = stop_names(Crossing.UPSTREAM, *RUNNING)
AGENT: list[tuple[UpdateName, str]] = [
    *(("critic_update", name) for name in UPSTREAM),
    *(("actor_update", name) for name in stop_names(Crossing.DOWNSTREAM, *RUNNING)),
]
ROLES = {"trained", "protected"}
SVG = "{http://www.w3.org/2000/svg}"
MOVED = f'fill="{GRADES["moved"].fill}"'


def boxes(drawing: Drawing, panel: int) -> dict[str, set[str]]:
    """Return first line of a box -> its classes in the SVG."""
    classes_of = {}
    for group in ElementTree.fromstring(drawing.svg()).iter("{http://www.w3.org/2000/svg}g"):
        classes = set((group.get("class") or "").split())
        title = group.findtext("{http://www.w3.org/2000/svg}title") or ""
        if "node" in classes and title.startswith(f"{panel} "):
            label = group.findtext("{http://www.w3.org/2000/svg}text") or ""
            classes_of.setdefault(label, set()).update(classes)
    return classes_of


def drawn_parameters(drawing: Drawing, panel: int) -> set[str]:
    """Return boxes of parameters that are neither ghosts nor only passed through."""
    return {
        label.partition(" ")[0]
        for label, classes in boxes(drawing, panel).items()
        if classes & ROLES and not classes & {"ghost", "not-touched"}
    }


@pytest.mark.parametrize("name", UPSTREAM)
def test_a_drawing_has_the_parameters_that_the_audit_found_reached(name):
    update = run_layers_update(name)
    drawing = draw_layers(name, update)
    reached = {key for key, cell in update.cells.items() if cell.reached}
    assert drawn_parameters(drawing, len(drawing.panels) - 1) == reached
    assert drawn_parameters(drawing, 0) == set(update.parameters)
    assert {"L2.weight", "L2.bias"} <= reached


@pytest.mark.parametrize(("update_name", "stop"), AGENT)
def test_a_drawing_has_the_networks_that_the_audit_found_reached(update_name, stop):
    if update_name == "actor_update":
        drawing, first = draw_actor_update(stop), 0 if stop == "none" else 1
        panels = [range(first, len(drawing.panels))]
        updates = [run_agent_update(update_name, stop)]
    else:
        drawing, panels = draw_critic_update(stop), [range(1), range(1, 2)]
        updates = [run_agent_update(update_name, stop, each) for each in BOOTSTRAP_ACTORS]
    for update, shown in zip(updates, panels, strict=True):
        reached = {network for network, cell in update.cells.items() if cell.reached}
        assert set().union(*(drawn_parameters(drawing, panel) for panel in shown)) == reached
        assert reached


@pytest.mark.parametrize("name", UPSTREAM)
def test_parameters_that_the_stop_removed_are_ghosts(name):
    update = run_layers_update(name)
    drawing = draw_layers(name, update)
    ghosts = {
        label.partition(" ")[0]
        for label, classes in boxes(drawing, len(drawing.panels) - 1).items()
        if "ghost" in classes
    }
    removed = {"L1.weight", "L1.bias"} - update.graph.parameters
    assert removed <= ghosts
    assert bool(ghosts) is bool(removed)
    assert not any("ghost" in classes for classes in boxes(drawing, 0).values())


def test_every_figure_of_the_lesson_is_drawn_as_svg_and_png():
    figures = [
        block
        for section in lesson_sections((1, 3, 4))
        for block in section.blocks
        if isinstance(block, GraphFigure)
    ]
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)
    assert {f"layers-{name}" for name in UPSTREAM} <= set(names)
    assert {f"{update.replace('_', '-')}-{stop}" for update, stop in AGENT} <= set(names)
    for figure in figures:
        assert figure.drawing.png().startswith(b"\x89PNG")
        assert figure.drawing.svg().rstrip().endswith("</svg>")


@pytest.mark.parametrize("name", UPSTREAM)
def test_a_box_has_the_colour_and_the_word_of_its_grade(name):
    update = run_layers_update(name)
    drawn = ElementTree.fromstring(draw_layers(name, update).svg())
    found: set[str] = set()
    for group in drawn.iter(f"{SVG}g"):
        texts = [text.text or "" for text in group.iter(f"{SVG}text")]
        fills = [path.get("fill") for path in group.findall(f"{SVG}path")]
        title = group.findtext(f"{SVG}title") or ""
        panel = "0" if name == "none" else "1"
        if "ghost" in (group.get("class") or "") or not title.startswith(panel):
            continue
        parameter = update.parameters.get(texts[0].partition(" ")[0]) if texts else None
        if group.get("class", "").startswith("node") and parameter:
            assert parameter.grade in texts
            assert GRADES[parameter.grade].fill in fills
            assert ("protected" in texts) is texts[0].startswith("L1") is (len(fills) == 2)
            found.add(texts[0].partition(" ")[0])
    assert found == update.graph.parameters


@pytest.mark.parametrize("name", ["optimizer", "manual", "inputs"])
def test_a_stop_with_a_whole_graph_looks_different_from_the_control(name):
    update, control = run_layers_update(name), run_layers_update("none")
    assert update.graph.edges == control.graph.edges
    fills = [draw_layers(each.stop, each).svg().count(MOVED) for each in (control, update)]
    # The stop's drawing has the control's four boxes, and L2's two; the legend has one.
    assert fills == [4 + 1, 4 + 2 + 1]


def test_eval_is_marked_as_equal_to_the_control():
    _, panel = draw_layers("eval", run_layers_update("eval")).panels
    assert panel.title == "eval: L1 moved, L2 moved, as in the control"
    _, panel = draw_layers("manual", run_layers_update("manual")).panels
    assert panel.title == "manual: L1 zero gradient, L2 moved"


def test_the_legend_explains_colours_and_arrows():
    drawing = draw_layers("none", run_layers_update("none"))
    words = {text.text for text in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}text")}
    assert words >= {*GRADES, *LEGEND}
    assert "The gradient flows against them." in " ".join(LEGEND)
    assert not set(LEGEND) & {
        text.text for text in ElementTree.fromstring(drawing.svg(legend=False)).iter()
    }


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_differ_for_every_kind_of_vision(vision):
    fills = [[int(shade.fill[k : k + 2], 16) / 255 for k in (1, 3, 5)] for shade in GRADES.values()]
    linear = np.array(fills) ** 2.2
    seen = (linear @ np.array(VISION[vision]).T).clip(0, 1) ** (1 / 2.2)
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert distances[np.triu_indices(len(seen), 1)].min() > 0.12
    lightness = (linear @ [0.2126, 0.7152, 0.0722]).tolist()
    assert lightness[-1] == min(lightness)


def test_a_label_may_contain_graphviz_syntax():
    graph = Graph({"a": Box(("", r"a\nb <c> \"d\"", ""), "loss")}, frozenset())
    assert "a\\nb" in Drawing((GraphPanel("p", graph),)).svg()


def test_every_stop_is_in_the_lesson():
    titles = " ".join(section.title for section in lesson_sections((1, 3, 4)))
    assert all(name in titles for name in STOPS)
