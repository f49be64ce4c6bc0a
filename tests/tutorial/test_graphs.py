"""Every graph is rendered, and its parameters are those that the audit says are reached."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ddpg.stops import STOPS, Crossing, Effect, legal
from ddpg.tutorial import agent_seen, lesson, lesson_layers
from ddpg.tutorial.agent_seen import Row
from ddpg.tutorial.blocks import Figure
from ddpg.tutorial.drawing import Drawing, Graph, Node, Panel, beside
from ddpg.tutorial.layers_seen import see

RUNNING = (Effect.LEAKS, Effect.PROTECTS, Effect.STARVES)
UPSTREAM = legal(Crossing.UPSTREAM, *RUNNING)
AGENT: list[tuple[Row, str]] = [
    *(("critic_update", name) for name in UPSTREAM),
    *(("actor_update", name) for name in legal(Crossing.DOWNSTREAM, *RUNNING)),
]
ROLES = {"trained", "protected"}


def boxes(drawing: Drawing, panel: int) -> dict[str, set[str]]:
    """First line of a box → its classes, as the SVG has them."""
    found = {}
    for group in ElementTree.fromstring(drawing.svg()).iter("{http://www.w3.org/2000/svg}g"):
        classes = set((group.get("class") or "").split())
        title = group.findtext("{http://www.w3.org/2000/svg}title") or ""
        if "node" in classes and title.startswith(f"{panel} "):
            label = group.findtext("{http://www.w3.org/2000/svg}text") or ""
            found.setdefault(label, set()).update(classes)
    return found


def drawn_parameters(drawing: Drawing, panel: int) -> set[str]:
    """The boxes that stand for parameters, and are neither ghosts nor only gone through."""
    return {
        label
        for label, classes in boxes(drawing, panel).items()
        if classes & ROLES and not classes & {"ghost", "through"}
    }


@pytest.mark.parametrize("name", UPSTREAM)
def test_the_parameters_of_a_drawing_are_those_that_the_audit_reached(name):
    seen = see(name)
    drawing = beside(see("none").graph, seen.graph, name)
    reached = {key for key, touch in seen.touches.items() if touch.cell.reached}
    assert drawn_parameters(drawing, len(drawing.panels) - 1) == reached
    assert drawn_parameters(drawing, 0) == set(seen.touches)
    assert {"L2.weight", "L2.bias"} <= reached


@pytest.mark.parametrize(("row", "name"), AGENT)
def test_the_networks_of_a_drawing_are_those_that_the_audit_reached(row, name):
    seen, control = agent_seen.see(row, name), agent_seen.see(row, "none")
    drawing = agent_seen.drawing(control, seen)
    reached = {network for network, cell in seen.cells.items() if cell.reached}
    first = 0 if name == "none" else 1
    drawn = set().union(*(drawn_parameters(drawing, k) for k in range(first, len(drawing.panels))))
    assert drawn == reached
    assert reached


@pytest.mark.parametrize("name", UPSTREAM)
def test_what_the_stop_removed_is_a_ghost(name):
    control, seen = see("none"), see(name)
    drawing = beside(control.graph, seen.graph, name)
    ghosts = {
        label
        for label, classes in boxes(drawing, len(drawing.panels) - 1).items()
        if "ghost" in classes
    }
    removed = {"L1.weight", "L1.bias"} - seen.graph.parameters
    assert removed <= ghosts
    assert bool(ghosts) is bool(removed)
    assert not any("ghost" in classes for classes in boxes(drawing, 0).values())


def test_every_figure_of_the_lesson_is_drawn_as_svg_and_png():
    figures = [
        block
        for section in lesson.sections()
        for block in section.blocks
        if isinstance(block, Figure)
    ]
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)
    assert {f"layers-{name}" for name in UPSTREAM} <= set(names)
    assert {f"{row.replace('_', '-')}-{name}" for row, name in AGENT} <= set(names)
    for figure in figures:
        assert figure.drawing.png().startswith(b"\x89PNG")
        assert figure.drawing.svg().rstrip().endswith("</svg>")


def test_l1_and_l2_have_two_colours():
    fills = re.findall(
        r'<path fill="(#\w+)"', beside(see("none").graph, see("none").graph, "none").svg()
    )
    assert {"#cfe3fc", "#fde3c3"} <= set(fills)


def test_a_label_may_hold_what_graphviz_reads():
    graph = Graph({"a": Node(("", r"a\nb <c> \"d\"", ""), "loss")}, frozenset())
    assert "a\\nb" in Drawing((Panel("p", graph, graph),)).svg()


def test_every_stop_is_in_the_lesson():
    titles = " ".join(section.title for section in lesson.sections())
    assert all(name in titles for name in STOPS)
    assert set(lesson_layers.TEXTS) == set(UPSTREAM)
