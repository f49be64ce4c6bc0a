"""`env` as a callable, and the options of environments."""

import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ddpg.config.environment import allowed_environment, environment_name, module_message
from ddpg.config.settings import Config
from ddpg.errors import ConfigError


def make(**_options: Any) -> None:
    """Stand for a function that returns an environment."""


class Maker:
    """Callable object."""

    def __call__(self) -> None:
        """Stand for the same."""


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("Pendulum-v1", "Pendulum-v1"),
        (make, f"{__name__}:make"),
        (partial(partial(make, a=1), b=2), f"{__name__}:make"),
        (Maker, f"{__name__}:Maker"),
        (Maker(), f"{__name__}:Maker"),
        (lambda: None, f"{__name__}:<lambda>"),
    ],
)
def test_a_callable_has_the_name_under_which_it_is_imported(env, name):
    assert Config(env=env).env_name == name
    assert Config(env=env).to_dict()["env"] == name
    assert Config.from_dict(Config(env=env).to_dict()).env == name


@pytest.mark.parametrize(
    ("main", "module"),
    [
        (SimpleNamespace(__file__="/home/me/mine.py", __spec__=None), "mine"),
        (SimpleNamespace(__file__="x", __spec__=SimpleNamespace(name="a.b")), "a.b"),
        (SimpleNamespace(), "__main__"),
    ],
)
def test_a_callable_of_the_script_has_its_files_name(monkeypatch, main, module):
    monkeypatch.setattr(make, "__module__", "__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert environment_name(make) == f"{module}:make"


@pytest.mark.parametrize(
    ("stored", "given", "allowed"),
    [
        ("Pendulum-v1", None, "Pendulum-v1"),
        ("Pendulum-v1", "mine:Pendulum-v1", "mine:Pendulum-v1"),
        ("Pendulum-v1", "Other-v0", "Pendulum-v1"),
        ("Pendulum-v1", make, make),
        ("mine:make", None, None),
        ("mine:make", "other:make", None),
        ("mine:make", "mine:make", "mine:make"),
        ("mine:make", make, make),
    ],
)
def test_a_file_alone_imports_no_module(stored, given, allowed):
    assert allowed_environment(stored, given) == allowed


@pytest.mark.parametrize("env", ["mine:<lambda>", "__main__:make"])
def test_a_run_whose_callable_cannot_be_imported_needs_the_callable(env):
    message = module_message(Path("run/config.yaml"), env)
    assert message.endswith(
        "is a callable that cannot be imported; allowed: env=the same callable, in Python"
    )


@pytest.mark.parametrize("env", [3, None, Path("x"), ["Pendulum-v1"]])
def test_another_env_is_refused(env):
    with pytest.raises(ConfigError, match=r"^env: .* is not allowed; allowed: text, or a callable"):
        Config(env=env)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"healthy_z_range": (0.7, float("inf"))}, {"healthy_z_range": [0.7, float("inf")]}),
        ({"xml": None}, {"xml": None}),
        ({"a": {"b": [1, (2.5, "c"), True]}}, {"a": {"b": [1, [2.5, "c"], True]}}),
    ],
)
def test_options_are_plain_values_in_memory_and_after_yaml(tmp_path, given, stored):
    config = Config(env_options=given)
    assert config.env_options == stored
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert Config.load(file) == config


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, make, {3: 1}, [make], object()])
def test_other_options_are_refused(value):
    with pytest.raises(ConfigError, match=r"env_options: .* allowed: {name: null, true or false"):
        Config(env_options={"a": value})
