"""TensorBoard files: tags, layout, settings, and one unbroken curve after resuming."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from google.protobuf.json_format import MessageToDict
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout  # pyright: ignore[reportAttributeAccessIssue] (generated)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # pyright: ignore[reportAttributeAccessIssue] (generated)

from ddpg.config.settings import Config
from ddpg.errors import RunWarning
from ddpg.training.loop import Trainer, train
from ddpg.training.progress import TrainingResult

SETTINGS = {
    "hidden": (16, 16),
    "random_steps": 20,
    "log_every": 10,
    "evaluation_every": 20,
    "evaluation_episodes": 1,
    "separation_every": 10,
    "members": 2,
    "env": "ddpg-tests/Truncates-v0",
}


def run(tmp_path: Path, steps: int = 60, **settings: Any) -> TrainingResult:
    return train(Config(**{"runs": str(tmp_path), "steps": steps, **SETTINGS, **settings}))


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def test_every_member_has_a_run_with_every_tag(tmp_path):
    result = run(tmp_path, seed=3, stop="optimizer")
    separation = [
        f"separation/{update}/{module}/{quantity}"
        for update in ("critic_update", "actor_update")
        for module in ("actor", "critic", "actor_target", "critic_target")
        for quantity in ("grade", "movement")
    ]
    written = [
        "separation/critic_update/critic/gradient_norm",
        "separation/critic_update/critic_target/gradient_norm",
        "separation/critic_update/actor_target/gradient_norm",
        "separation/actor_update/actor/gradient_norm",
    ]
    for seed in (3, 4):
        assert sorted(events(result.folder / f"seed-{seed}").Tags()["scalars"]) == sorted(
            [
                "return/evaluation",
                "return/discounted",
                "return/training",
                "episode/length",
                "loss/critic",
                "loss/actor",
                "value/q",
                "value/q_start",
                "value/target",
                "speed/environment_steps_per_second",
                *separation,
                *written,
            ]
        )


def test_the_points_equal_the_rows_of_the_csv_at_environment_steps(tmp_path):
    import csv

    result = run(tmp_path)
    with (result.folder / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["member"] == "1"]
    scalars = events(result.folder / "seed-1")
    for tag in ("return/evaluation", "loss/critic", "separation/critic_update/critic/movement"):
        points = [(point.step, point.value) for point in scalars.Scalars(tag)]
        expected = [(int(row["step"]), float(row[tag])) for row in rows if row[tag]]
        assert len(points) == len(expected) > 1
        for (step, value), (expected_step, expected_value) in zip(points, expected, strict=True):
            assert step == expected_step
            assert value == pytest.approx(expected_value, rel=1e-6)


def test_a_resumed_curve_has_no_duplicate_point(tmp_path):
    """These environments count their episodes, so they are not restored exactly: a warning."""

    def interrupt(progress):
        if progress.step == 50:
            signal.raise_signal(signal.SIGINT)

    config = Config(runs=str(tmp_path), steps=80, name="mine", checkpoint_every=20, **SETTINGS)
    train(config, interrupt)
    # As if the run died after step 50 without its last checkpoint: it resumes from step 40.
    for file in (tmp_path / "mine" / "checkpoints").glob("*50.*"):
        file.unlink()
    with pytest.warns(RunWarning, match="not be restored exactly at environment step 40") as warned:
        result = run(tmp_path, steps=80, name="mine", checkpoint_every=20, resume=True)
    assert len(warned) == 2
    note = events(result.folder / "seed-1").Tensors("note/text_summary")[0]
    assert note.step == 40
    assert b"member 1 (seed 1)" in note.tensor_proto.string_val[0]
    points = [p.step for p in events(result.folder / "seed-0").Scalars("loss/critic")]
    assert points == [30, 40, 50, 60, 70, 80]
    # TensorBoard orders event files by the second of their creation.
    files = (result.folder / "seed-0").glob("events*")
    first, second = sorted(int(file.name.split(".")[3]) for file in files)
    assert first < second


def test_the_layout_puts_separation_beside_the_return(tmp_path):
    result = run(tmp_path)
    content = events(result.folder / "seed-0").Tensors("custom_scalars__config__")[0]
    layout = MessageToDict(Layout.FromString(content.tensor_proto.string_val[0]))
    charts = {
        category["title"]: {
            chart["title"]: chart["multiline"]["tag"] for chart in category["chart"]
        }
        for category in layout["category"]
    }
    assert [*charts] == ["critic update", "actor update", "values and losses"]
    for update in ("critic_update", "actor_update"):
        assert [*charts[update.replace("_", " ")].items()] == [
            ("return", ["return/evaluation$"]),
            *(
                (
                    f"{module}: {quantity.replace('_', ' ')}",
                    [f"separation/{update}/{module}/{quantity}$"],
                )
                for quantity in ("grade", "gradient_norm", "movement")
                for module in ("critic", "actor", "critic_target", "actor_target")
            ),
        ]
    shown = {tag for category in charts.values() for tags in category.values() for tag in tags}
    written = {f"{tag}$" for tag in events(result.folder / "seed-0").Tags()["scalars"]}
    assert written - shown == {"episode/length$", "speed/environment_steps_per_second$"}


def test_the_hparams_tab_has_every_setting_in_which_runs_can_differ(tmp_path):
    result = run(tmp_path, stop="detach", gamma=0.98)
    metadata = events(result.folder / "seed-1").summary_metadata
    start = metadata["_hparams_/session_start_info"].plugin_data.content
    settings = MessageToDict(HParamsPluginData.FromString(start))["sessionStartInfo"]["hparams"]
    place = {"runs", "name", "resume", "resume_from"}
    assert set(settings) == set(Config().to_dict()) - place
    assert (settings["stop"], settings["gamma"], settings["seed"]) == ("detach", 0.98, 1)
    assert (settings["hidden"], settings["final_bound"]) == ("[16, 16]", "None")
    # A list of columns, written for one run, would hide what the other runs differ in.
    assert "_hparams_/experiment" not in metadata
    text = events(result.folder / "seed-1").Tensors("config/text_summary")[0]
    assert b"gamma: 0.98" in text.tensor_proto.string_val[0]


def test_every_evaluation_has_the_separation_matrix_as_picture_and_text(tmp_path):
    texts = {}
    for stop in ("detach", "none"):
        result = run(tmp_path, stop=stop, bootstrap_actor="live")
        shown = events(result.folder / "seed-1")
        pictures = shown.Images("separation")
        assert [picture.step for picture in pictures] == [40, 60]
        assert all(p.encoded_image_string.startswith(b"\x89PNG") for p in pictures)
        written = shown.Tensors("separation/text_summary")
        assert [point.step for point in written] == [40, 60]
        texts[stop] = written[-1].tensor_proto.string_val[0].decode()
    head, _, critic_update, actor_update, _, caption = texts["none"].splitlines()
    assert head == "| update | critic | actor | critic_target | actor_target |"
    assert [cell.count("**leaked**: moved") for cell in critic_update.split(" | ")] == [
        0,
        0,
        1,
        1,
        0,
    ]
    assert "**leaked**" not in actor_update
    assert caption == "Highest grade in 2 audits up to step 60."
    assert "**leaked**" not in texts["detach"]
    assert texts["detach"].count("kept: moved") == 2


def test_without_tensorboard_the_csv_files_are_equal_and_no_event_is_written(tmp_path):
    enabled = run(tmp_path, name="enabled")
    disabled = run(tmp_path, name="disabled", tensorboard=False)
    for file in ("metrics.csv", "weights.csv"):
        content = (enabled.folder / file).read_bytes()
        assert content.count(b"\n") > 4
        assert (disabled.folder / file).read_bytes() == content
    assert len(list(enabled.folder.rglob("events.*"))) == 2
    assert list(disabled.folder.rglob("events.*")) == []
    assert sorted(path.name for path in disabled.folder.iterdir()) == [
        ".lock",
        "best",
        "checkpoints",
        "config.yaml",
        "metrics.csv",
        "weights.csv",
    ]


def test_tensorboard_can_be_enabled_and_disabled_on_resume(tmp_path):
    settings: dict[str, Any] = {"name": "mine", "env": "MountainCarContinuous-v0"}
    run(tmp_path, **settings, tensorboard=False)
    enabled = run(tmp_path, **settings, steps=80, resume=True, tensorboard=True)
    shown = events(enabled.folder / "seed-1")
    assert [point.step for point in shown.Scalars("loss/critic")] == [70, 80]
    assert shown.Tensors("custom_scalars__config__")
    before = {file: file.read_bytes() for file in enabled.folder.rglob("events.*")}
    run(tmp_path, **settings, steps=100, resume=True, tensorboard=False)
    assert {file: file.read_bytes() for file in enabled.folder.rglob("events.*")} == before
    whole = run(tmp_path, **{**settings, "name": "whole"}, steps=100)
    for file in ("metrics.csv", "weights.csv"):
        assert (whole.folder / file).read_bytes() == (enabled.folder / file).read_bytes()


@pytest.mark.filterwarnings("ignore::ddpg.errors.RunWarning")
def test_a_member_is_dropped_without_tensorboard_too(tmp_path):
    settings = {"on_divergence": "drop_member", "tensorboard": False, "name": "mine"}
    config = Config(runs=str(tmp_path), steps=60, **{**SETTINGS, **settings})
    trainer = Trainer(config, lambda _: None)
    trainer.begin()
    trainer.advance(40)
    with torch.no_grad():
        next(trainer.agent.actor.parameters())[1] = torch.nan
    trainer.advance(60)
    trainer.close()
    assert trainer.state.alive.tolist() == [True, False]
