"""Report of a folder: page, numbers, pictures and TensorBoard runs."""

import csv
import html
import os
import re
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout  # pyright: ignore[reportAttributeAccessIssue] (generated)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # pyright: ignore[reportAttributeAccessIssue] (generated)

from ddpg.comparison.report.page import write_report
from ddpg.errors import ConfigError
from tests.comparison.report.written_runs import GRADES, write_run

LEAKY = {**GRADES, "critic_update/critic_target": 3, "critic_update/actor_target": 3}
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Reported folder: the control, two correct stops, one wrong stop, and a broken run."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    write_run(folder, "none", -100.0, LEAKY, stop="none")
    write_run(folder, "detach", stop="detach")
    write_run(folder, "inputs", stop="inputs")
    write_run(folder, "wrong", -50.0, LEAKY, stop="freeze")
    (folder / f"{EVIL[:-9]}").mkdir()
    assert write_report(folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def numbers(folder):
    """`(variant, metric, step)` -> row of `figures.csv`."""
    with (folder / "figures.csv").open(newline="") as file:
        return {(r["variant"], r["metric"], r["step"]): r for r in csv.DictReader(file)}


def text(folder) -> str:
    """Return the text of the page, without its markup."""
    page = (folder / "report.html").read_text()
    body = re.sub(r"<svg.*?</svg>", "", page[page.index("<main>") :], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_page_states_expected_and_observed_behaviour(folder):
    page = text(folder)
    assert "Two stops, one curve: detach and inputs give bit-identical returns" in page
    assert "control none is the control: it has no barrier and leaks." in page
    assert "✓ held detach and inputs protect and train: the audits confirm it." in page
    assert (
        "✗ broken freeze should protect and train, but in the audits its update moved "
        "actor_target, critic and critic_target."
    ) in page
    assert "✗ broken The curve of freeze should match that of detach and 1 more exactly" in page
    assert "✓ confirmed Protection improves learning" in page
    assert (
        "score of detach and 1 more is better than the control's (P(better) 1.00 [1.00, 1.00]"
        in page
    )
    assert "Not measured: the folder has no cost.csv" in page


def test_held_means_that_the_barrier_held(folder):
    page = (folder / "report.html").read_text()
    table = page[page.index("<th>variant</th><th>expected</th>") :]
    rows = {
        name: re.findall(r"badge (\w+)", cells)
        for name, cells in re.findall(r"<tr>\n<th>([^<]+)</th>(.*?)</tr>", table, re.DOTALL)[:3]
    }
    assert rows == {
        "none (control)": ["control"],
        "detach and inputs": ["held"],
        "freeze": ["broken"],
    }


def test_the_pointer_shows_the_value_of_each_point(folder):
    page = (folder / "report.html").read_text()
    first = page[page.index('<figure id="Pendulum-v1-critic_update-target-adam-returns"') :]
    panel = first[first.index('role="img"') : first.index("</svg>", first.index('role="img"'))]
    titles = [
        html.unescape(each)
        for each in re.findall(r"<circle[^>]*><title>(.*?)</title>", panel, re.DOTALL)
    ]
    # Three curves with four evaluations each.
    assert len(titles) == 12
    assert "none (control)\n200 steps: −100 [−100, −100], members: 3" in titles
    assert any(
        each.startswith("detach, inputs (2 variants, one curve)\n400 steps: 5.0 [")
        for each in titles
    )


def test_skipped_runs_are_listed_and_names_escaped(folder):
    page = (folder / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "the folder is empty" in page


def test_the_page_is_self_contained(folder):
    page = (folder / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page)
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    for target in re.findall(r'(?:href="#|url\(#)([^")]+)', page):
        assert target in identifiers


def test_a_cell_of_the_matrix_is_the_largest_effect(folder):
    page = (folder / "report.html").read_text()
    matrix = page[page.index("<caption>Critic update") :]
    rows = {
        name: re.sub(r"<[^>]*>|\s+", " ", cells).split()
        for name, cells in re.findall(r"<tr><th>(\w+)[^<]*</th>(.*?)</tr>", matrix, re.DOTALL)[1:5]
    }
    # Critic, actor, critic target, actor target.
    assert rows == {
        "none": ["moved", "nothing", "moved", "moved"],
        "detach": ["moved", "nothing", "nothing", "nothing"],
        "freeze": ["moved", "nothing", "moved", "moved"],
        "inputs": ["moved", "nothing", "reached", "reached"],
    }


def test_the_numbers_are_those_of_the_runs(numbers):
    final = numbers["detach", "final_score", ""]
    # Seeds 0, 1 and 2, plus the mean of 2, 3 and 4 hundred steps / 100.
    assert float(final["value"]) == 1 + 3
    assert float(final["low"]) < 4 < float(final["high"])
    assert final["members"] == "3"
    assert numbers["inputs", "final_score", ""]["hash"] == final["hash"]
    assert numbers["none", "final_score", ""]["hash"] != final["hash"]
    assert float(numbers["detach", "area_under_curve", ""]["value"]) == 1 + 2.5
    assert float(numbers["detach", "probability_of_improvement", ""]["value"]) == 1
    assert float(numbers["none", "improvement_over_protected", ""]["value"]) == 0
    assert ("none", "probability_of_improvement", "") not in numbers
    assert float(numbers["detach", "return/evaluation", "300"]["value"]) == 1 + 3
    assert float(numbers["inputs", "value/q_start", "400"]["value"]) == pytest.approx(5 / 3)
    assert numbers["none", "critic_update/critic_target/grade", ""]["value"] == "3.0"
    tag = "separation/critic_update/critic_target/movement"
    assert float(numbers["none", tag, "100"]["value"]) == pytest.approx(0.03)
    assert ("detach", tag, "100") not in numbers


def test_pictures_and_tensorboard_runs_are_written(folder):
    key = "Pendulum-v1-critic_update-target-adam"
    pictures = {path.name: path.read_bytes() for path in (folder / "pictures").glob("[!.]*")}
    assert sorted(pictures) == [
        f"{key}-{k}.png" for k in ("gradients", "returns", "scores", "values")
    ]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())
    runs = sorted(path.name for path in (folder / "summary" / key).iterdir())
    assert runs == ["detach", "freeze", "inputs", "none"]
    events = EventAccumulator(str(folder / "summary" / key / "detach"))
    events.Reload()
    points = {tag: [p.value for p in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert points["return/evaluation"] == [2, 3, 4, 5]
    low, high = points["return/evaluation/low"], points["return/evaluation/high"]
    assert all(np.array(low) < [2, 3, 4, 5])
    assert all(np.array(high) > [2, 3, 4, 5])
    assert "separation/critic_update/critic/movement" in points
    start = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    settings = HParamsPluginData.FromString(start).session_start_info.hparams
    assert settings["stop"].string_value == "detach"
    # Its seeds are the members of the mean.
    assert "seed" not in settings
    layout = events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    category = Layout.FromString(layout).category[0]
    assert category.title == "critic update"
    titles = [chart.title for chart in category.chart]
    assert titles[:3] == [
        "return, interquartile mean and 95 % interval",
        "critic: grade",
        "actor: grade",
    ]


def test_a_second_report_replaces_the_first_with_the_same_numbers(folder):
    before = (folder / "figures.csv").read_bytes()
    (folder / "pictures" / "old.png").write_bytes(b"")
    write_report(folder)
    assert (folder / "figures.csv").read_bytes() == before
    assert not (folder / "pictures" / "old.png").exists()


def test_a_folder_of_broken_runs_is_reported(tmp_path):
    (tmp_path / "a").mkdir()
    write_report(tmp_path)
    assert "a : the folder is empty No run is complete" in text(tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        write_report(tmp_path / "b")


@pytest.mark.parametrize("name", ["report.html", "figures.csv", "returns.csv", "summary"])
@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/nowhere"), os.mkfifo, Path.mkdir])
def test_the_report_replaces_no_link_pipe_or_folder_of_another(tmp_path, name, make):
    (tmp_path / "a").mkdir()
    make(tmp_path / name)
    before = (tmp_path / name).lstat()
    with pytest.raises((ConfigError, OSError)):
        write_report(tmp_path)
    assert (tmp_path / name).lstat().st_ino == before.st_ino
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a", name])


def test_every_members_curve_is_in_the_table(folder):
    with (folder / "returns.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["variant"] == "detach"]
    curve = {(int(row["seed"]), int(row["step"])): float(row["evaluation"]) for row in rows}
    # As `write_run` makes it.
    assert curve == {(s, t): s + t / 100 for s in (0, 1, 2) for t in (100, 200, 300, 400)}


def test_a_full_disk_leaves_the_earlier_report_unchanged(tmp_path, folder):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write_report(copy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == f"the report in {copy}"
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before
    assert not (copy / ".report-unfinished").exists()


def test_both_bootstraps_are_side_by_side(tmp_path):
    write_run(tmp_path, "a", -100.0, LEAKY, stop="none")
    live = {**GRADES, "critic_update/critic_target": 3, "critic_update/actor": 3}
    write_run(tmp_path, "b", -90.0, live, stop="none", bootstrap_actor="live")
    write_run(tmp_path, "c", stop="detach", bootstrap_actor="live")
    write_report(tmp_path)
    page = text(tmp_path)
    assert "Pendulum-v1: critic update, Adam, both bootstraps side by side" in page
    table = page[page.index("live actor: final score") :]
    assert table.startswith(
        "live actor: final score none (control) control moved actor_target, critic and "
        "critic_target −100 [−100, −100] control moved actor, critic and critic_target "
        "−90 [−90, −90] detach no run ✓ held moved critic"
    )


def test_one_bootstrap_is_not_compared(folder):
    assert "side by side" not in text(folder)
