"""TensorBoard's page of two runs, with a stop and with none: its charts, cards and tables."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ddpg.config.settings import Config
from ddpg.runs.tags import MODULES, QUANTITIES, UPDATES, separation_tag
from ddpg.training.loop import train
from tests.runs.browser import Browser, tensorboard

pytestmark = pytest.mark.slow

STOPS = ("detach", "none")
SETTINGS: dict[str, Any] = {
    **{"bootstrap_actor": "live", "hidden": (16,), "steps": 300, "random_steps": 50},
    **{"log_every": 50, "separation_every": 50, "evaluation_every": 100},
    "evaluation_episodes": 1,
}
RUNS = {stop: f"Pendulum-v1-{stop}-bootstrap_actor=live-0/seed-0" for stop in STOPS}


class Shown(NamedTuple):
    """Runs that TensorBoard shows."""

    browser: Browser
    address: str
    folder: Path

    def points(self, stop: str, tag: str) -> list[tuple[int, float]]:
        """Return the points of a tag in `metrics.csv`."""
        run = RUNS[stop].partition("/")[0]
        with (self.folder / run / "metrics.csv").open(newline="") as file:
            rows = csv.DictReader(file)
            return [(int(row["step"]), float(row[tag])) for row in rows if row[tag]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("runs")
    for stop in STOPS:
        train(Config(runs=str(folder), stop=stop, **SETTINGS))
    browser = Browser(tmp_path_factory.mktemp("browser"))
    try:
        with tensorboard(folder) as address:
            yield Shown(browser, address, folder)
    finally:
        browser.close()


def test_custom_scalars_have_one_chart_per_module_update_and_quantity(shown: Shown):
    shown.browser.open(f"{shown.address}#custom_scalars&_smoothingWeight=0")
    charts = shown.browser.read(
        """return all(document, 'tf-custom-scalar-multi-line-chart-card').map(card => [
            card.title, Object.values(card._nameToDataSeries).map(series => [
                series.getRun(), series.getTag(),
                series.getData().map(point => [point.step, point.scalar])])])""",
        # Two charts of the return, and two grades of each of the four modules.
        lambda charts: len(charts) == 30 and sum(len(lines) == 2 for _, lines in charts) >= 18,
    )
    assert shown.browser.colourful_pixels("custom_scalars") > 1_000
    lines = {(title, run, tag): points for title, card in charts for run, tag, points in card}
    for stop, run in RUNS.items():
        tags = [("return", "return/evaluation")]
        tags += [
            (f"{module}: {quantity.replace('_', ' ')}", separation_tag(update, module, quantity))
            for update in UPDATES
            for module in MODULES
            for quantity in QUANTITIES
        ]
        for title, tag in tags:
            expected = shown.points(stop, tag)
            points = lines.get((title, run, tag), [])
            assert [step for step, _ in points] == [step for step, _ in expected], tag
            values = [value for _, value in points]
            assert values == pytest.approx([value for _, value in expected], rel=1e-6), tag
    # One tag per chart: the lines of a chart are runs.
    separation = [card for title, card in charts if ": " in title]
    assert all(len({tag for _, tag, _ in card}) <= 1 for card in separation)

    def grades(stop: str, update: str, module: str) -> set[float]:
        line = f"{module}: grade", RUNS[stop], separation_tag(update, module, "grade")
        return {grade for _, grade in lines[line]}

    for stop, leaked in (("detach", {0}), ("none", {3})):
        assert grades(stop, "critic_update", "critic") == {3}
        assert grades(stop, "critic_update", "actor") == leaked
        assert grades(stop, "critic_update", "critic_target") == leaked
        assert grades(stop, "actor_update", "actor") == {3}
        assert grades(stop, "actor_update", "critic") == {0}


def test_the_time_series_of_the_printed_address_begin_with_return_and_separation(shown: Shown):
    shown.browser.open(f"{shown.address}?tagFilter=return%7Cseparation")
    series = shown.browser.read(
        # Cards below the window are empty.
        """return all(document, 'card-view').slice(0, 5)
            .map(card => card.innerText.split(/[\\n\\t]+/))""",
        lambda series: (
            len(series) == 5
            and all(run in card for card in series[:3] for run in RUNS.values())
            and all(card[-1] == "Step 300" for card in series[3:])
        ),
    )
    assert shown.browser.colourful_pixels("time_series") > 1_000
    assert ["".join(card[:2]) for card in series[:3]] == [
        f"return/{name}" for name in ("discounted", "evaluation", "training")
    ]
    # The pictures.
    assert sorted(card[:2] for card in series[3:]) == [["separation", run] for run in RUNS.values()]
    for stop, run in RUNS.items():
        _, _, value, step, *_ = series[1][series[1].index(run) :]
        points = shown.points(stop, "return/evaluation")
        shown_point = int(step), float(value.replace(",", ""))
        assert shown_point == pytest.approx(points[-1], abs=1e-3)


def test_hparams_list_the_settings_first_in_which_the_runs_differ(shown: Shown):
    shown.browser.open(f"{shown.address}#hparams")
    ((columns, rows),) = shown.browser.read(
        """return all(document, 'tf-hparams-query-pane').map(pane => [
            pane.configuration.schema.hparamColumns.map(column => column.hparamInfo),
            (pane.sessionGroups || []).map(group => [group.name, group.hparams,
                group.metricValues.map(metric => [metric.name.tag, metric.value])])])""",
        lambda panes: len(panes) == 1 and len(panes[0][1]) == 2,
    )
    assert shown.browser.colourful_pixels("hparams") > 200
    assert [column["name"] for column in columns if column.get("differs")] == ["stop"]
    assert columns[0]["name"] == "stop"
    assert {"gamma", "bootstrap_actor", "seed"} < {column["name"] for column in columns}
    sessions: dict[str, tuple[dict[str, Any], list[Any]]] = {row[0]: row[1:] for row in rows}
    for stop, run in RUNS.items():
        settings, metrics = sessions[run]
        assert (settings["stop"], settings["bootstrap_actor"]) == (stop, "live")
        _, value = shown.points(stop, "return/evaluation")[-1]
        assert dict(metrics)["return/evaluation"] == pytest.approx(value, rel=1e-6)


def test_the_text_tab_has_the_separation_matrix(shown: Shown):
    shown.browser.open(f"{shown.address}#text&tagFilter=separation")
    tables = shown.browser.read(
        """return all(document, 'tf-text-loader')
            .filter(loader => loader.tag == 'separation/text_summary')
            .map(loader => [loader.run, all(loader.shadowRoot || loader, 'table')
                // TensorBoard puts every text into a table with one row.
                .filter(table => table.rows.length > 1)
                .map(table => [...table.rows].map(row => [...row.cells].map(
                    cell => cell.innerText)))])""",
        lambda loaders: len(loaders) > 1 and all(len(tables) == 3 for _, tables in loaders),
    )
    assert shown.browser.colourful_pixels("text") > 200
    for stop, word in (("detach", "kept: not touched"), ("none", "leaked: moved")):
        # The newest text is first.
        head, critic_update, actor_update = dict(tables)[RUNS[stop]][0]
        assert head == ["update", *MODULES]
        assert critic_update[0] == "critic_update"
        assert critic_update[1].startswith("kept: moved, |gradient| ")
        assert critic_update[2].startswith(word)
        assert critic_update[3].startswith(word)
        assert actor_update[1] == "kept: not touched"
        assert actor_update[2].startswith("kept: moved")
