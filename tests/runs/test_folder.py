"""Names of runs, nothing overwritten, and the settings that may change on resume."""

import dataclasses

import pytest

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.csv_log import CsvLog
from ddpg.runs.folder import RunFolder


def test_a_run_without_a_name_is_numbered(tmp_path):
    config = Config(runs=str(tmp_path / "new" / "runs"), stop="detach", seed=3)
    names = [RunFolder.create(config).path.name for _ in range(3)]
    assert names == [
        "Pendulum-v1-detach-3",
        "Pendulum-v1-detach-3-2",
        "Pendulum-v1-detach-3-3",
    ]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"stop": "none", "bootstrap_actor": "live"}, "none-bootstrap_actor=live"),
        ({"stop": "none", "bootstrap_actor": "target"}, "none"),
        ({"actor_stop": "none"}, "no_grad+optimizer-actor_stop=none"),
        (
            {"stop": "manual", "manual_scale": 0.1, "manual_every": 10},
            "manual-manual_scale=0.1-manual_every=10",
        ),
        (
            {"stop": "manual", "manual_scale": {"critic_target": 0.5, "actor_target": 0.0}},
            "manual-manual_scale=critic_target-0.5+actor_target-0.0",
        ),
        ({"stop": "detach", "gamma": 0.9, "name": None}, "detach"),
    ],
)
def test_a_default_name_has_what_differs_among_the_settings_of_the_stops(tmp_path, settings, name):
    folder = RunFolder.create(Config(runs=str(tmp_path), seed=3, **settings))
    assert folder.path.name == f"Pendulum-v1-{name}-3"


def test_a_taken_name_is_an_error_and_nothing_is_overwritten(tmp_path):
    config = Config(runs=str(tmp_path), name="mine", gamma=0.9)
    folder = RunFolder.create(config)
    before = folder.config_file.read_text()
    taken = r"name: 'mine' is not allowed, since .* exists; allowed: a new name"
    with pytest.raises(ConfigError, match=taken):
        RunFolder.create(dataclasses.replace(config, gamma=0.5))
    assert folder.config_file.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_stored_config_has_the_resolved_name(tmp_path):
    folder = RunFolder.create(Config(runs=str(tmp_path), env="ddpg-tests/Both-v0"))
    assert folder.path.name == "ddpg-tests_Both-v0-no_grad+optimizer-0"
    assert folder.load_config() == Config(
        runs=str(tmp_path), env="ddpg-tests/Both-v0", name=folder.path.name
    )


def test_a_folder_that_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("")
    for name in (None, "mine"):
        with pytest.raises(ConfigError, match="cannot create a folder in runs="):
            RunFolder.create(Config(runs=str(tmp_path / "file" / "runs"), name=name))
        with pytest.raises(ConfigError, match="cannot create a folder in runs="):
            RunFolder.create(Config(runs=str(tmp_path / "file"), name=name))


def test_resuming_may_change_the_length_but_no_setting_that_changes_the_curve(tmp_path):
    config = RunFolder.create(Config(runs=str(tmp_path), name="mine")).load_config()
    longer = dataclasses.replace(config, steps=10**6, threads=2, resume=True)
    assert RunFolder.existing(longer).path == tmp_path / "mine"
    other = r"gamma: 0\.5 is not allowed, since the run 'mine' has 0\.98"
    with pytest.raises(ConfigError, match=other):
        RunFolder.existing(dataclasses.replace(config, gamma=0.5, resume=True))


def test_a_folder_that_is_not_a_run(tmp_path):
    with pytest.raises(ConfigError, match=r"is not a run folder: it has no config\.yaml"):
        RunFolder.existing(Config(runs=str(tmp_path), name="none", resume=True))


def test_metrics_keep_every_bit_and_rows_after_the_checkpoint_are_removed(tmp_path):
    file = tmp_path / "metrics.csv"
    metrics = CsvLog(file, ["a", "b"], None).open()
    metrics.write(10, 0, {"a": 0.1 + 0.2})
    metrics.write(20, 0, {"b": 1e-300})
    metrics.close()
    assert file.read_text() == "step,member,a,b\n10,0,0.30000000000000004,\n20,0,,1e-300\n"
    resumed = CsvLog(file, ["a", "b"], 10).open()
    resumed.write(15, 1, {"a": 2.0, "b": 3.0})
    resumed.close()
    assert file.read_text() == "step,member,a,b\n10,0,0.30000000000000004,\n15,1,2.0,3.0\n"
