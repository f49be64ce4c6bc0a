"""Runs are read completely or skipped with the reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ddpg.comparison.report.reading import read_folder, read_run
from ddpg.errors import BrokenRunError, ConfigError
from tests.comparison.report.written_runs import write_run


def edit(file: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    """Return a function that changes a file of a run."""
    return lambda run: (run / file).write_text(change((run / file).read_text()))


def empty(run: Path) -> None:
    shutil.rmtree(run)
    run.mkdir()


def drop_last_member(run: Path) -> None:
    edit("config.yaml", lambda text: text.replace("divergence: stop", "divergence: drop_member"))(
        run
    )
    edit("metrics.csv", lambda text: text[: text.index("\n400,2") + 1])(run)


BROKEN = {
    "the folder is empty": empty,
    "it has no config.yaml": lambda run: (run / "config.yaml").unlink(),
    "there is no setting 'gama', did you mean 'gamma'": edit(
        "config.yaml", lambda text: text.replace("gamma", "gama")
    ),
    "cannot read config.yaml as YAML": edit("config.yaml", lambda text: text + "a: ["),
    "it has no metrics.csv": lambda run: (run / "metrics.csv").unlink(),
    "cannot read metrics.csv: it is empty": lambda run: (run / "metrics.csv").write_text(""),
    "cannot read metrics.csv: it has no column return/evaluation": edit(
        "metrics.csv", lambda text: text.replace("return/evaluation", "score")
    ),
    "cannot read metrics.csv: line 13 is incomplete": edit("metrics.csv", lambda text: text[:-3]),
    "cannot read metrics.csv: line 13 has 3 fields; allowed: 33": edit(
        "metrics.csv", lambda text: text[: text.rindex("400,2,")] + "400,2,0\n"
    ),
    "cannot read metrics.csv: line 2 has an invalid number": edit(
        "metrics.csv", lambda text: text.replace("\n100,0,1.0", "\n100,0,one", 1)
    ),
    "cannot read metrics.csv: line 2 has return/evaluation 'inf'; allowed: numbers from": edit(
        "metrics.csv", lambda text: text.replace("\n100,0,1.0", "\n100,0,inf", 1)
    ),
    "cannot read metrics.csv: line 2 has return/evaluation '1e308'; allowed: numbers": edit(
        "metrics.csv", lambda text: text.replace("\n100,0,1.0", "\n100,0,1e308", 1)
    ),
    "cannot read metrics.csv: line 2 has member 7; allowed: 0 to 2": edit(
        "metrics.csv", lambda text: text.replace("\n100,0,", "\n100,7,", 1)
    ),
    "it is incomplete: evaluated up to step 200 of 400": edit(
        "metrics.csv", lambda text: text[: text.index("\n300,0") + 1]
    ),
    "it is incomplete: evaluated up to step 300 of 400": edit(
        "metrics.csv", lambda text: text[: text.index("\n400,2") + 1]
    ),
    "member 2 (seed 2) was dropped before step 400, and the scores of the other": drop_last_member,
    "it ends before its first evaluation": edit(
        "metrics.csv", lambda text: text[: text.index("\n") + 1]
    ),
    "a member has no evaluation at step 200": edit(
        "metrics.csv", lambda text: text.replace("\n200,1,3.0", "\n200,1,")
    ),
    "it was never evaluated: evaluation_every is 0 and steps is 400": edit(
        "config.yaml", lambda text: text.replace("evaluation_every: 100", "evaluation_every: 0")
    ),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_run_is_skipped_with_the_reason(tmp_path, reason):
    write_run(tmp_path, "complete")
    BROKEN[reason](write_run(tmp_path, "broken"))
    runs, skipped = read_folder(tmp_path)
    assert [run.name for run in runs] == ["complete"]
    assert [each.name for each in skipped] == ["broken"]
    assert skipped[0].reason.startswith(reason)


def test_a_run_is_read_as_it_was_written(tmp_path):
    run = read_run(write_run(tmp_path, "complete", seed=5))
    assert run.seeds == [5, 6, 7]
    curve = run.series["return/evaluation"]
    assert curve.steps.tolist() == [100, 200, 300, 400]
    assert curve.values[1].tolist() == [7, 8, 9, 10]


def test_an_infinite_norm_has_no_point(tmp_path):
    path = write_run(tmp_path, "complete", grades={"actor_update/actor": 3})
    tag = "separation/actor_update/actor/gradient_norm"
    file = path / "metrics.csv"
    column = file.read_text().splitlines()[0].split(",").index(tag)
    rows = [line.split(",") for line in file.read_text().splitlines()]
    rows[2][column] = "inf"
    file.write_text("".join(",".join(row) + "\n" for row in rows))
    values = read_run(path).series[tag].values
    assert np.isnan(values[1, 0])
    assert np.isnan(values).sum() == 1


def test_stored_errors_and_planned_runs_are_reported(tmp_path):
    run = write_run(tmp_path, "diverged")
    BROKEN["it ends before its first evaluation"](run)
    (run / "error.txt").write_text("DivergenceError: loss/critic is nan\n")
    (tmp_path / "comparison.yaml").write_text("tasks: [{name: diverged}, {name: later}]")
    (tmp_path / "pictures").mkdir()
    runs, skipped = read_folder(tmp_path)
    assert runs == []
    assert skipped == [
        (
            "diverged",
            "it ends before its first evaluation; DivergenceError: loss/critic is nan",
        ),
        ("later", "it is planned but was never started"),
    ]


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="it has no run folders"):
        read_folder(tmp_path)
    (tmp_path / "comparison.yaml").write_text("tasks: 3")
    with pytest.raises(ConfigError, match="it has no list of tasks with names"):
        read_folder(tmp_path)


def test_an_empty_run_is_refused(tmp_path):
    with pytest.raises(BrokenRunError, match="the folder is empty"):
        read_run(tmp_path)


def test_a_binary_error_file_is_reported(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "error.txt").write_bytes(b"\xff\xfe why")
    _, (skipped,) = read_folder(tmp_path)
    assert skipped.reason.startswith("it has no config.yaml; ")
    assert skipped.reason.endswith(" why")
