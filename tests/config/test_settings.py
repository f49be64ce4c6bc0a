"""Round trips of configs, and one sentence for every value that is not allowed."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ddpg.config.settings import SETTINGS, Config
from ddpg.errors import ConfigError

CONFIGS = {
    file.stem: file
    for file in (Path(__file__).parents[2] / "configs").glob("*.yaml")
    if file.stem != "comparison" and not file.stem.startswith("study-")
}


# No deadline: the tests may share a busy machine.
@hypothesis_settings(deadline=None)
@given(
    gamma=st.floats(0, 1),
    tau=st.floats(0, 1, exclude_min=True),
    members=st.integers(1, 64),
    hidden=st.lists(st.integers(1, 512), min_size=1, max_size=4),
    name=st.none() | st.from_regex(r"[A-Za-z0-9_.+ -]*[A-Za-z0-9]", fullmatch=True),
    env_options=st.dictionaries(st.text(min_size=1), st.booleans() | st.integers() | st.text()),
)
def test_a_config_is_equal_after_yaml(tmp_path_factory, **settings):
    config = Config(**settings)
    file = tmp_path_factory.mktemp("config") / "config.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert Config.load(file) == config


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_shipped_config_loads(name):
    assert isinstance(Config.load(CONFIGS[name]), Config)


def test_every_shipped_config_is_listed():
    assert set(CONFIGS) == {
        "half-cheetah",
        "inverted-pendulum",
        "lunar-lander",
        "mountain-car",
        "paper",
        "pendulum",
        "pendulum-live-actor",
    }


def test_the_pendulum_config_is_the_default():
    assert Config.load(CONFIGS["pendulum"]) == Config()


def test_every_setting_has_a_help_text_with_its_range():
    for field in dataclasses.fields(Config):
        assert "; allowed: " in SETTINGS[field.name].help_text


WRONG = [
    ({"gamma": 1.5}, "gamma: 1.5 is not allowed; allowed: a number ≥ 0 and ≤ 1"),
    ({"gamma": "high"}, "gamma: 'high' is not allowed; allowed: a number"),
    ({"gamma": float("nan")}, "gamma: nan is not allowed; allowed: a number"),
    ({"tau": 0}, "tau: 0 is not allowed; allowed: a number > 0 and ≤ 1"),
    ({"members": 0}, "members: 0 is not allowed; allowed: a whole number ≥ 1"),
    ({"members": 2.5}, "members: 2.5 is not allowed; allowed: a whole number"),
    ({"seed": -1}, "seed: -1 is not allowed; allowed: a whole number ≥ 0"),
    ({"seed": 2**31 - 1, "members": 2}, "seed: 2147483647 is not allowed with 2 members"),
    ({"steps": 0}, "steps: 0 is not allowed"),
    ({"batch_size": 0}, "batch_size: 0 is not allowed"),
    ({"hidden": []}, "hidden: () is not allowed; allowed: at least one layer"),
    ({"hidden": [64, 0]}, "hidden: [64, 0] is not allowed; allowed: a list of whole numbers ≥ 1"),
    ({"hidden": 64}, "hidden: 64 is not allowed; allowed: a list"),
    ({"action_layer": 3}, "action_layer: 3 is not allowed; allowed: 0 to 2"),
    (
        {"final_bound": 0.0},
        "final_bound: 0.0 is not allowed; allowed: null, or a number > 0 and ≤ 1,000",
    ),
    ({"optimizer": "rmsprop"}, "optimizer: 'rmsprop' is not allowed; allowed: adam or sgd"),
    ({"actor_learning_rate": 0}, "actor_learning_rate: 0 is not allowed"),
    ({"critic_learning_rate": 2}, "critic_learning_rate: 2 is not allowed"),
    ({"critic_weight_decay": -1}, "critic_weight_decay: -1 is not allowed"),
    ({"replay_capacity": 0}, "replay_capacity: 0 is not allowed"),
    ({"random_steps": 0}, "random_steps: 0 is not allowed"),
    ({"noise": "pink"}, "noise: 'pink' is not allowed; allowed: gaussian or ornstein_uhlenbeck"),
    ({"noise_sigma": -0.1}, "noise_sigma: -0.1 is not allowed"),
    ({"noise_theta": 2}, "noise_theta: 2 is not allowed"),
    (
        {"bootstrap_actor": "online"},
        "bootstrap_actor: 'online' is not allowed; allowed: target or live",
    ),
    ({"threads": 0}, "threads: 0 is not allowed"),
    ({"env_options": 3}, "env_options: 3 is not allowed"),
    ({"stop": "detatch"}, "stop: 'detatch' is not allowed, did you mean 'detach'?"),
    ({"stop": "chain_rule"}, "stop: 'chain_rule' is not allowed upstream"),
    ({"stop": "none+detach"}, "allowed: 'none' alone"),
    (
        {"actor_stop": "inference"},
        "actor_stop: 'inference' is not allowed downstream, since it",
    ),
    ({"stop": "manual", "manual_scale": {"critic": 1}}, "['actor_target', 'critic_target']"),
    ({"manual_scale": {"critic": 1}}, "manual_scale: {'critic': 1.0} is not allowed"),
    (
        {"manual_every": 0},
        "manual_every: 0 is not allowed; allowed: a whole number ≥ 1, or {module",
    ),
    ({"manual_every": 2.5}, "manual_every: 2.5 is not allowed; allowed: a whole number ≥ 1"),
    ({"stop": "manual", "manual_every": {"actor": 2}}, "['actor_target', 'critic_target']"),
    (
        {"stop": "manual", "manual_every": {"actor_target": 0, "critic_target": 1}},
        "manual_every: {'actor_target': 0, 'critic_target': 1} is not allowed; allowed: a whole "
        "number ≥ 1",
    ),
    ({"resume": True}, "resume: True is not allowed without a name"),
    ({"name": "a/b"}, "name: 'a/b' is not allowed; allowed: the name of one folder"),
    ({"name": ".."}, "name: '..' is not allowed; allowed: the name of one folder"),
    ({"name": ""}, "name: '' is not allowed; allowed: the name of one folder"),
]


@pytest.mark.parametrize(("settings", "sentence"), WRONG, ids=lambda value: str(value)[:40])
def test_a_setting_that_is_not_allowed_gets_one_sentence(settings, sentence):
    with pytest.raises(ConfigError) as error:
        Config(**settings)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_one_scale_per_protected_module_is_accepted():
    live = {"actor": 0.1, "critic_target": 0.0}
    assert Config(stop="manual", bootstrap_actor="live", manual_scale=live).manual_scale == live
    both = {"actor_target": 0.1, "critic_target": 0.0, "critic": 1.0}
    assert Config(stop="manual", actor_stop="manual", manual_scale=both).manual_scale == both


def test_one_period_per_protected_module_is_accepted():
    live = {"actor": 10, "critic_target": 1}
    assert Config(stop="manual", bootstrap_actor="live", manual_every=live).manual_every == live


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"gama: 0.9", "there is no setting 'gama', did you mean 'gamma'?"),
        (b"", "holds no settings"),
        (b"- 1", "holds no settings"),
        (b"a: [", "as YAML: "),
        (b"\xff\xfe\x00", "as YAML: "),
        (b"gamma: !!python/object/apply:os.system ['true']", "as YAML: "),
    ],
)
def test_files_that_are_not_a_config(tmp_path, content, sentence):
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        Config.load(file)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml: No such file"):
        Config.load(tmp_path / "none.yaml")
