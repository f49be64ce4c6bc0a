"""Comparison of two runs by the hashes of their weights."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.evaluation.weights import compare_weights
from ddpg.runs.weight_hash import hash_weights
from ddpg.training.loop import Trainer, train
from tests.parts import make_agent

SMALL: dict[str, Any] = {
    **{"hidden": (16, 16), "random_steps": 20, "log_every": 10, "evaluation_episodes": 1},
    **{"evaluation_every": 15, "steps": 60, "members": 2, "separation_every": 0},
}


def run(runs: Path, name: str, **settings: Any) -> Path:
    return train(Config(**{**SMALL, "runs": str(runs), "name": name, **settings})).folder


def test_a_hash_depends_on_every_weight_of_its_member_only() -> None:
    agent = make_agent(members=3)
    before = hash_weights(agent.modules, 3)
    assert len(set(before)) == 3
    for module in agent.modules.values():
        for parameter in module.parameters():
            with torch.no_grad():
                parameter[1].view(-1)[-1] += 1e-6
            after = hash_weights(agent.modules, 3)
            assert [one == other for one, other in zip(before, after, strict=True)] == [
                True,
                False,
                True,
            ]
            before = after


def test_the_first_different_step_and_the_member_are_named(tmp_path: Path) -> None:
    one = run(tmp_path, "one")
    trainer = Trainer(Config(**SMALL, runs=str(tmp_path), name="other", tau=0.005), lambda _: None)
    trainer.begin()
    trainer.advance(40)
    with torch.no_grad():
        next(trainer.agent.critic.parameters())[1, 0, 0] += 1e-3
    trainer.advance(60)
    trainer.close()
    comparison = compare_weights(one, tmp_path / "other")
    assert (comparison.equal_until, comparison.differs_at) == (30, 45)
    assert comparison.differing_seeds == [1]
    assert str(comparison) == (
        "The weights differ at step 45, for the members with the seeds 1. They are equal up to "
        "step 30."
    )


def test_members_are_matched_by_seed_and_settings_named(tmp_path: Path) -> None:
    one, other = run(tmp_path, "one", seed=3), run(tmp_path, "other", seed=4, separation_every=7)
    comparison = compare_weights(one, other)
    assert comparison.seeds == [4]
    assert comparison.settings == {"seed": (3, 4), "separation_every": (0, 7)}
    assert "separation_every is 0 in the first and 7 in the second." in str(comparison)
    with pytest.raises(ConfigError, match="was evaluated at the same step in both"):
        compare_weights(one, run(tmp_path, "far", seed=30))
    with pytest.raises(ConfigError, match=r"no config\.yaml"):
        compare_weights(one, tmp_path / "none")


@pytest.mark.slow
def test_the_script_prints_the_comparison(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, seed=seed) for name, seed in (("a", 0), ("b", 0))]
    script = str(Path(__file__).parents[2] / "scripts" / "evaluate.py")
    ended = subprocess.run(
        [sys.executable, script, "--compare", *map(str, runs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "The weights are equal up to step 60.\n"
