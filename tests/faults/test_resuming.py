"""A run that ends early and is resumed is bit-identical to an uninterrupted run."""

from pathlib import Path
from typing import Any

import pytest

from ddpg.config.settings import Config
from ddpg.training.loop import train
from tests.faults.processes import differences

SETTINGS: dict[str, Any] = {
    **{"members": 2, "hidden": (16, 16), "random_steps": 40, "log_every": 35},
    **{"evaluation_every": 60, "evaluation_episodes": 1, "separation_every": 45},
    **{"noise": "ornstein_uhlenbeck", "replay_capacity": 90, "checkpoint_every": 25},
    **{"stop": "manual", "manual_every": 3},
}


@pytest.mark.parametrize("env", ["Pendulum-v1", "MountainCarContinuous-v0"])
@pytest.mark.parametrize("ends", [[17], [77], [31, 103, 104]])
def test_a_run_resumed_in_mid_episode_equals_an_uninterrupted_one(
    tmp_path: Path, env: str, ends: list[int]
) -> None:
    """Before the first update, after it, and several times, with a full replay."""
    settings = {**SETTINGS, "env": env, "runs": str(tmp_path)}
    train(Config(**settings, name="whole", steps=120))
    for number, steps in enumerate([*ends, 120]):
        train(Config(**settings, name="resumed", steps=steps, resume=number > 0))
    assert differences(tmp_path / "whole", tmp_path / "resumed") == []
