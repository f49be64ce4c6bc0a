"""A run that is killed at any moment and resumed equals an uninterrupted run."""

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from ddpg.config.settings import Config
from ddpg.runs.checkpoint import Checkpoints
from tests.faults.processes import differences, start

KILLS = int(os.environ.get("DDPG_KILLS", "10"))
"""Number of kills; `make faults` sets 50."""
SETTINGS: dict[str, Any] = {
    "members": 2,
    "hidden": (16, 16),
    "random_steps": 100,
    "log_every": 35,
    "evaluation_every": 60,
    "evaluation_episodes": 2,
    "separation_every": 45,
    "noise": "ornstein_uhlenbeck",
    "replay_capacity": 700,
    "checkpoint_every": 25,
}


def train(config: Config) -> None:
    process = start(config)
    process.join()
    assert process.exitcode == 0


@pytest.mark.slow
def test_a_repeatedly_killed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Every other kill happens just before or after a file is renamed."""
    moments = random.Random(0)
    settings = {"runs": str(tmp_path), **SETTINGS}
    folder, in_checkpoint = tmp_path / "killed", 0
    for kill in range(KILLS):
        attempt = Config(name="killed", resume=folder.exists(), steps=10**6, **settings)
        if kill % 2:
            process = start(attempt, die_at=moments.randrange(1, 12))
        else:
            process = start(attempt)
            process.join(moments.uniform(0.1, 1.0))
            process.kill()
        process.join(300)
        assert process.exitcode == -signal.SIGKILL
        in_checkpoint += any(folder.glob("checkpoints/.unfinished-*"))
    assert in_checkpoint >= KILLS // 10
    reached = Checkpoints(folder / "checkpoints").latest_step()
    assert reached is not None
    assert reached > SETTINGS["checkpoint_every"]
    train(Config(name="killed", resume=True, steps=reached + 60, **settings))
    train(Config(name="whole", steps=reached + 60, **settings))
    assert differences(tmp_path / "whole", folder) == []
