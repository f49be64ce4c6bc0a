"""Two runs that learn the same agree, and two that do not are told apart at the first step."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.evaluation.weights import compare
from ddpg.runs.weight_hash import hash_weights
from ddpg.training.loop import Trainer, train
from tests.parts import make_agent

SMALL: dict[str, Any] = {
    **{"hidden": (16, 16), "random_steps": 20, "log_every": 10, "evaluation_episodes": 1},
    **{"evaluation_every": 15, "steps": 60, "members": 2, "separation_every": 0},
}


def run(runs: Path, name: str, **settings: Any) -> Path:
    return train(Config(**{**SMALL, "runs": str(runs), "name": name, **settings})).folder


def test_a_hash_is_of_every_weight_of_its_member_alone() -> None:
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


def test_the_first_step_and_the_member_are_named(tmp_path: Path) -> None:
    one = run(tmp_path, "one")
    trainer = Trainer(Config(**SMALL, runs=str(tmp_path), name="other", tau=0.005), lambda _: None)
    trainer.begin()
    trainer.advance(40)
    with torch.no_grad():
        next(trainer.agent.critic.parameters())[1, 0, 0] += 1e-3
    trainer.advance(60)
    trainer.close()
    comparison = compare(one, tmp_path / "other")
    assert (comparison.agree_until, comparison.parts_at, comparison.parting) == (30, 45, [1])
    assert str(comparison) == (
        "The weights part at step 45, those of the members with the seeds 1. They agree up to 30."
    )


def test_members_are_matched_by_seed_and_settings_named(tmp_path: Path) -> None:
    one, other = run(tmp_path, "one", seed=3), run(tmp_path, "other", seed=4, separation_every=7)
    comparison = compare(one, other)
    assert comparison.seeds == [4]
    assert comparison.settings == {"seed": (3, 4), "separation_every": (0, 7)}
    assert "separation_every is 0 in the first and 7 in the second." in str(comparison)
    with pytest.raises(ConfigError, match="have no evaluation in common"):
        compare(one, run(tmp_path, "far", seed=30))
    with pytest.raises(ConfigError, match=r"is not a run folder: it has no config\.yaml"):
        compare(one, tmp_path / "none")


@pytest.mark.slow
def test_the_script_tells_it_with_its_exit_status(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, seed=seed) for name, seed in (("a", 0), ("b", 0))]
    script = str(Path(__file__).parents[2] / "scripts" / "evaluate.py")
    told = subprocess.run(
        [sys.executable, script, "--compare", *map(str, runs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "The weights agree up to step 60.\n"), told.stderr
