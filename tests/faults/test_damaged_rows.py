"""Every reader names a damaged `metrics.csv` or `weights.csv`."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.evaluation.curves import read_curve
from ddpg.evaluation.weights import compare_weights
from ddpg.runs.csv_log import CsvLog
from ddpg.runs.folder import RunFolder
from ddpg.training.loop import train
from tests.cli.bad_input.harness import call, contents


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {"random_steps": 20, "log_every": 10, "evaluation_every": 20, "hidden": (8,)}
    runs = str(tmp_path_factory.mktemp("runs"))
    return train(Config(**settings, runs=runs, name="mine", steps=60, members=2)).folder


@pytest.fixture
def run(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(whole, "mine"))


def edit_row(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Return a function that changes the fields of the first row."""

    def damage(content: bytes) -> bytes:
        header, row, *others = content.splitlines(keepends=True)
        fields = change(row.rstrip().split(b","))
        return b"".join([header, b",".join(fields) + b"\n", *others])

    return damage


DAMAGES = {
    "binary": (lambda _: bytes(range(256)), "'utf-8' codec can't decode byte"),
    "empty": (lambda _: b"", "it is empty"),
    "another file": (lambda _: b"a,b\n1,2\n", "it has no column step, member"),
    "cut short": (lambda content: content[:-3], " is incomplete"),
    "a field short": (edit_row(lambda row: row[:-1]), " fields; allowed: "),
    "a field too many": (edit_row(lambda row: [*row, b"3"]), " fields; allowed: "),
    "no step": (edit_row(lambda row: [b"x", *row[1:]]), "line 2 has an invalid number: "),
    "an empty step": (edit_row(lambda row: [b"", *row[1:]]), "line 2 has an invalid number: "),
    "a step below 0": (
        edit_row(lambda row: [b"-5", *row[1:]]),
        "line 2 has step -5; allowed: 0 to ",
    ),
    "no member": (
        edit_row(lambda row: [row[0], b"7", *row[2:]]),
        "line 2 has member 7; allowed: 0 to 1",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("file", ["metrics.csv", "weights.csv"])
def test_a_damaged_file_is_named_with_its_line(
    run: Path, file: str, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    shutil.copytree(run, "other")
    (run / file).write_bytes(damage((run / file).read_bytes()))
    before = contents(Path())
    script = "plot.py mine" if file == "metrics.csv" else "evaluate.py --compare mine other"
    outcome = call(script.split()[0], script.split()[1:])
    assert (outcome.status, outcome.output) == (2, "")
    assert len(outcome.errors.splitlines()) == 1
    assert f"cannot read mine/{file}: " in outcome.errors
    assert sentence in outcome.errors
    assert contents(Path()) == before


def test_a_value_that_is_not_a_number_is_named(run: Path) -> None:
    text = (run / "metrics.csv").read_text()
    value = text.splitlines()[-1].split(",")[2]
    (run / "metrics.csv").write_text(text.replace(value, "high"))
    outcome = call("plot.py", ["mine"])
    assert outcome.status == 2
    assert re.search(
        r"cannot read mine.metrics.csv: line \d+ has an invalid number: ", outcome.errors
    )
    assert "'high'" in outcome.errors


def test_missing_metrics_are_named(run: Path) -> None:
    (run / "metrics.csv").unlink()
    outcome = call("plot.py", ["mine"])
    assert outcome.status == 2
    assert "cannot read mine/metrics.csv: No such file or directory" in outcome.errors


@pytest.mark.parametrize("file", ["metrics.csv", "weights.csv"])
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (edit_row(lambda row: [b"x", *row[1:]]), "line 2 is not a valid row; allowed: "),
        (edit_row(lambda row: [b"9" * 5000, *row[1:]]), "line 2 is not a valid row; allow"),
        (edit_row(lambda row: row[:-1]), "line 2 is not a valid row; allowed: "),
        (lambda content: b"\xff" + content, "its columns are not the ones of this version of ddpg"),
    ],
)
def test_resuming_refuses_a_damaged_file_and_changes_nothing(
    run: Path, file: str, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    (run / file).write_bytes(damage((run / file).read_bytes()))
    before = contents(Path())
    outcome = call("train.py", ["--resume", "--runs", ".", "--name", "mine", "--steps", "80"])
    assert outcome.status == 2, outcome
    assert len(outcome.errors.splitlines()) == 1
    assert f"cannot continue mine/{file}: {sentence}" in outcome.errors
    assert contents(Path()) == before


@hypothesis_settings(deadline=None, max_examples=150)
@given(
    st.binary()
    | st.lists(st.sampled_from(["step", "member", "sha256", ",", "\n", "0", "20", '"', "-", "x"]))
    .map("".join)
    .map(str.encode)
)
def test_any_bytes_are_rows_or_one_sentence(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    run = tmp_path_factory.getbasetemp() / "rows" / "mine"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(whole, run, ignore=shutil.ignore_patterns("checkpoints", "seed-*"))
    for file in (run / "metrics.csv", run / "weights.csv"):
        file.write_bytes(content)
    for read in (
        lambda: read_curve(RunFolder(run), "sha256"),
        lambda: compare_weights(run, whole),
        lambda: CsvLog(run / "weights.csv", ["sha256"], 40),
    ):
        assert len(message_of(read).splitlines()) <= 1


def message_of(read: Callable[[], object]) -> str:
    try:
        read()
    except ConfigError as error:
        return str(error)
    return ""
