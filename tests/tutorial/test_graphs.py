"""Every graph is drawn, and its parameters are those that the audit found reached."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ddpg.stops import STOPS, Crossing, Effect, stop_names
from ddpg.tutorial.agent_update import UpdateName, draw_update, run_agent_update
from ddpg.tutorial.blocks import GraphFigure
from ddpg.tutorial.drawing import Box, Drawing, Graph, GraphPanel, draw_beside
from ddpg.tutorial.layers_update import run_layers_update
from ddpg.tutorial.lesson.contents import lesson_sections
from ddpg.tutorial.lesson.layer_stops import STOP_TEXTS

RUNNING = (Effect.LEAKS, Effect.PROTECTS, Effect.STARVES)
UPSTREAM = stop_names(Crossing.UPSTREAM, *RUNNING)
AGENT: list[tuple[UpdateName, str]] = [
    *(("critic_update", name) for name in UPSTREAM),
    *(("actor_update", name) for name in stop_names(Crossing.DOWNSTREAM, *RUNNING)),
]
ROLES = {"trained", "protected"}


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
        label
        for label, classes in boxes(drawing, panel).items()
        if classes & ROLES and not classes & {"ghost", "through"}
    }


@pytest.mark.parametrize("name", UPSTREAM)
def test_a_drawing_has_the_parameters_that_the_audit_found_reached(name):
    update = run_layers_update(name)
    drawing = draw_beside(run_layers_update("none").graph, update.graph, name)
    reached = {key for key, parameter in update.parameters.items() if parameter.cell.reached}
    assert drawn_parameters(drawing, len(drawing.panels) - 1) == reached
    assert drawn_parameters(drawing, 0) == set(update.parameters)
    assert {"L2.weight", "L2.bias"} <= reached


@pytest.mark.parametrize(("update_name", "stop"), AGENT)
def test_a_drawing_has_the_networks_that_the_audit_found_reached(update_name, stop):
    update, control = run_agent_update(update_name, stop), run_agent_update(update_name, "none")
    drawing = draw_update(control, update)
    reached = {network for network, cell in update.cells.items() if cell.reached}
    first = 0 if stop == "none" else 1
    drawn = set().union(*(drawn_parameters(drawing, k) for k in range(first, len(drawing.panels))))
    assert drawn == reached
    assert reached


@pytest.mark.parametrize("name", UPSTREAM)
def test_parameters_that_the_stop_removed_are_ghosts(name):
    control, update = run_layers_update("none"), run_layers_update(name)
    drawing = draw_beside(control.graph, update.graph, name)
    ghosts = {
        label
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
        for section in lesson_sections()
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


def test_l1_and_l2_have_two_colours():
    graph = run_layers_update("none").graph
    fills = re.findall(r'<path fill="(#\w+)"', draw_beside(graph, graph, "none").svg())
    assert {"#cfe3fc", "#fde3c3"} <= set(fills)


def test_a_label_may_contain_graphviz_syntax():
    graph = Graph({"a": Box(("", r"a\nb <c> \"d\"", ""), "loss")}, frozenset())
    assert "a\\nb" in Drawing((GraphPanel("p", graph),)).svg()


def test_every_stop_is_in_the_lesson():
    titles = " ".join(section.title for section in lesson_sections())
    assert all(name in titles for name in STOPS)
    assert set(STOP_TEXTS) == set(UPSTREAM)
