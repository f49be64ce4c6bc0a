"""The report as text, table, JSON, page and picture."""

import io
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

from ddpg.isolation import Contract, Report, audit, inventory, trains, watch
from ddpg.isolation.render.markdown import to_markdown
from ddpg.isolation.render.matrix import matrix_of
from ddpg.isolation.render.png import to_png
from tests.comparison.report.browser import render
from tests.isolation.agents import ActorCritic

HOSTILE = '<b>&"actor"\\N</b>'


@pytest.fixture
def broken() -> Report:
    agent = ActorCritic()
    updates = {"critic_update": trains("critic"), "actor_update": trains("actor")}
    contract = agent.contract(updates=updates)
    return audit(
        contract, {"critic_update": agent.critic_update, "actor_update": agent.actor_update}
    )


def hostile() -> Report:
    modules = {HOSTILE: nn.Linear(1, 1), "[red]other": nn.Linear(1, 1)}
    contract = Contract(modules=modules, updates={HOSTILE: trains("[red]other")})

    def update() -> None:
        sum(p.sum() for m in modules.values() for p in m.parameters()).backward()  # pyright: ignore[reportAttributeAccessIssue]

    return audit(contract, update)


def test_the_summary_can_be_acted_on(broken: Report) -> None:
    text = broken.summary()
    assert "actor_update × critic: leaked (written, grade 2 nonzero)" in text
    assert "AddmmBackward0 [critic.2] → parameter critic." in text
    assert "return critic(torch.cat([states, actions], dim=-1))" in text
    assert "called at" in text
    assert "do not detach: actor gets its gradient through critic" in text


def test_the_table(broken: Report) -> None:
    console = Console(file=io.StringIO(), width=150)
    console.print(broken.table())
    drawn = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "actor_update" in drawn
    assert "leaked" in drawn
    console.print(hostile().table())
    assert "[red]other" in console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_json(broken: Report) -> None:
    written = json.loads(broken.to_json())
    (finding,) = written["findings"]
    assert (finding["update"], finding["kind"], finding["grade"]) == ("actor_update", "written", 2)
    assert finding["path"]["steps"][0]["operation"] == "loss"
    assert {cell["verdict"] for cell in written["cells"]} == {"kept", "leaked"}


def test_nan_in_json() -> None:
    module = nn.Linear(1, 1)
    contract = Contract(modules={"module": module}, updates={"update": trains("module")})
    report = audit(contract, lambda: (module.weight.sum() * float("nan")).backward())
    cell = json.loads(report.to_json())["cells"][0]
    assert cell["gradient_norm"] == "nan"


def test_the_graph_is_folded_to_modules(broken: Report) -> None:
    critic, actor = broken.graphs()
    assert (str(critic.row), critic.modules) == ("critic_update", {"critic"})
    assert (str(actor.row), actor.modules) == ("actor_update", {"actor", "critic"})
    to_critic = {one for one, two in actor.edges if two == "critic"}
    assert len(to_critic) == 1
    assert ("actor", next(iter(to_critic))) in actor.edges
    assert all("actor" not in edge for edge in actor.paths["critic"])
    assert any("critic" in edge for edge in actor.paths["actor"])


def test_svg_and_html_are_whole_and_alone(broken: Report) -> None:
    svg, page = broken.to_svg(), broken.to_html()
    labels = {text.text for text in ElementTree.fromstring(svg).iter() if text.text}
    assert {"actor", "critic", "loss", "actor_update", "leaked"} <= labels
    assert "#c5221f" in svg
    assert page.startswith("<!DOCTYPE html>")
    for outside in ("http://", "https://", "src=", "<link", "<script"):
        assert outside not in page.replace("http://www.w3.org/", "")


def test_the_page_names_its_subject_and_its_date(broken: Report) -> None:
    page = broken.to_html({"Run": HOSTILE, "Stop": "none"})
    assert HOSTILE not in page
    for name, text in (
        ("Run", "&lt;b&gt;&amp;.*"),
        ("Stop", "none"),
        ("Date", r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"),
    ):
        assert re.search(f"<dt>{name}</dt><dd>{text}</dd>", page), name


def cells_of(page: str) -> dict[tuple[str, str], str]:
    """Return (update, module) → HTML of the cell, from its classes on."""
    cells = {}
    for column in page.split("<section>")[1:]:
        update = re.search(r"<h2.*?>(.*?)</h2>", column)
        assert update
        for cell in column.split("<div class='cell ")[1:]:
            module = re.search(r"<b>(.*?)</b>", cell)
            assert module
            cells[update[1], module[1]] = cell
    return cells


def test_arrows_lead_to_what_was_reached_and_are_bold_where_applied(broken: Report) -> None:
    cells = cells_of(broken.to_html())
    assert len(cells) == len(broken.cells)
    arrows = {key for key, cell in cells.items() if "class='branch'" in cell}
    assert arrows == {(each.update, each.module) for each in broken.cells if each.reached}
    bold = {key for key, cell in cells.items() if "applied" in cell.split("'")[0]}
    assert bold == {("critic_update", "critic"), ("actor_update", "actor")}
    leak = cells["actor_update", "critic"]
    assert leak.startswith("leaked trunk last'")
    assert "self.actor_loss().backward()" in leak
    assert "return critic(torch.cat([states, actions], dim=-1))" in leak
    assert {key for key, cell in cells.items() if "<details>" in cell} == arrows


def test_a_watched_report_has_arrows_and_needs_no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.delitem(sys.modules, "ddpg.isolation.render.svg", raising=False)
    agent = ActorCritic()
    with watch(agent.contract(), dry_run=True) as watching, watching.update("actor_update"):
        agent.actor_update()
    cells = cells_of(watching.report.to_html())
    assert "self.actor_loss().backward()" in cells["actor_update", "critic"]


def test_the_page_of_an_inventory_has_arrows_warnings_and_the_contract() -> None:
    agent = ActorCritic()
    held = [*agent.actor.parameters(), *agent.critic.parameters()]
    agent.actor_optimizer = torch.optim.Adam(held)
    survey = inventory(agent, {"critic": agent.critic_update, "actor": agent.actor_update})
    page = survey.to_html({"Agent": "mine"})
    cells = cells_of(page)
    assert "applied" in cells["actor", "critic"].split("'")[0]
    assert "applies its gradient to critic too" in page
    assert "def contract(agent):" in page
    assert "<script" not in page


def test_every_arrow_ends_at_a_shape(broken: Report) -> None:
    tree = ElementTree.fromstring(broken.to_svg())
    groups = [(group.get("class"), group) for group in tree.iter() if group.get("class")]
    nodes = {}
    for kind, group in groups:
        title = group.find("{*}title")
        if kind == "node" and title is not None and title.text != "matrix":
            nodes[title.text] = any(
                group.find(f"{{*}}{shape}") is not None for shape in ("polygon", "path", "ellipse")
            )
    assert len(nodes) >= 6
    assert all(nodes.values()), nodes


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_a_phone_light_and_dark(broken: Report, tmp_path: Path, dark: bool) -> None:
    file = tmp_path / "report.html"
    file.write_text(broken.to_html({"Command": "python scripts/audit.py " + "x" * 99}), "utf-8")
    (tmp_path / "scratch").mkdir()
    rendered = render(file, 390, dark, tmp_path / "scratch")
    assert (rendered.messages, rendered.width, rendered.dark) == ([], 390, dark)
    brightness = rendered.pixels.mean(axis=2)
    assert (brightness < 0.3 if dark else brightness > 0.8).mean() > 0.7


def test_names_are_escaped() -> None:
    report = hostile()
    svg, page = report.to_svg(), report.to_html()
    labels = {text.text for text in ElementTree.fromstring(svg).iter() if text.text}
    assert HOSTILE in {label.strip() for label in labels}
    assert HOSTILE not in page
    assert "&lt;b&gt;&amp;" in page


def test_names_in_the_matrix_of_a_picture_are_escaped() -> None:
    contract = Contract(modules={HOSTILE: nn.Linear(1, 1)}, updates={"update": trains()})
    with watch(contract) as watching, watching.update("update"):
        pass
    svg = ElementTree.fromstring(watching.report.to_svg())
    assert HOSTILE in {text.text for text in svg.iter()}


def test_a_watched_report_has_a_matrix_and_no_graph() -> None:
    agent = ActorCritic()
    with watch(agent.contract()) as watching, watching.update("acting"):
        agent.act()
    assert watching.report.graphs() == []
    assert "acting" in watching.report.to_svg()


def test_the_matrix_as_a_picture_and_as_markdown(broken: Report) -> None:
    matrix = matrix_of(broken.cells)
    drawn = Image.open(io.BytesIO(to_png(matrix, "caption")))
    picture = drawn.convert("RGB")
    colours = {
        (update, module): picture.getpixel((78 + 124 * column + 115, 17 + 45 * row + 40))
        for column, update in enumerate(matrix.rows)
        for row, module in enumerate(matrix.modules)
    }
    green, vermilion, white = (0, 158, 115), (213, 94, 0), (255, 255, 255)
    assert colours["critic_update", "critic"] == green
    assert colours["actor_update", "actor"] == green
    assert colours["actor_update", "critic"] == vermilion
    assert colours["critic_update", "actor"] == white
    other = to_png(matrix_of(broken.cells[:1]), "caption")
    assert Image.open(io.BytesIO(other)).size != drawn.size
    head, line, *rows = to_markdown(matrix).splitlines()
    assert head == f"| update | {' | '.join(matrix.modules)} |"
    assert line.count("---") == len(matrix.modules) + 1
    assert rows[1].startswith("| **actor_update** | ")
    assert "**leaked**: gradient, \\|gradient\\| " in rows[1]
    assert "**leaked**" not in rows[0]


def test_cells_are_found_by_name_or_not_at_all(broken: Report) -> None:
    assert broken["actor_update", "critic"].verdict == "leaked"
    with pytest.raises(KeyError, match="the report has no cell for the update and module"):
        _ = broken["sync", "critic"]
