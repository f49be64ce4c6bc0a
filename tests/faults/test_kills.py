"""A run that is killed at any moment, and resumed, ends as the one that never was."""

import os
import random
import signal
from pathlib import Path

import pytest

from ddpg.checkpoint import Checkpoints
from ddpg.config import Config
from tests.faults.processes import differences, start

KILLS = int(os.environ.get("DDPG_KILLS", "10"))
"""`make faults` sets 50."""
SETTINGS = {
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
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(tmp_path: Path) -> None:
    moments = random.Random(0)
    killed, in_checkpoint = 0, 0
    steps = 60 * KILLS + 200
    settings = {"runs": str(tmp_path), "steps": steps, **SETTINGS}
    while killed < KILLS:
        begun = (tmp_path / "killed").exists()
        attempt = Config(name="killed", resume=begun, **settings)
        if killed % 2:
            process = start(attempt, die_at=moments.randrange(1, 12))
            process.join(120)
        else:
            process = start(attempt)
            process.join(moments.uniform(0.2, 1.0))
            process.kill()
            process.join()
        assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"
        killed += 1
        in_checkpoint += any((tmp_path / "killed").glob("checkpoints/*.unfinished"))
    assert in_checkpoint >= KILLS // 10
    stopped_at = Checkpoints(tmp_path / "killed" / "checkpoints").latest_step()
    assert stopped_at is not None
    assert 0 < stopped_at < steps
    train(Config(name="killed", resume=True, **settings))
    train(Config(name="whole", **settings))
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
