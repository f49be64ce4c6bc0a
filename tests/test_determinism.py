"""The same config and seed give the same bits, in another process and with other threads."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpg.comparing import compare
from ddpg.config import Config
from ddpg.device import deterministic
from tests.faults.processes import differences, start

SETTINGS: dict[str, Any] = {
    **{"hidden": (256, 256), "random_steps": 50, "log_every": 20, "evaluation_episodes": 2},
    **{"evaluation_every": 40, "steps": 120, "members": 4, "separation_every": 10},
}


def run(runs: Path, name: str, **settings: Any) -> Path:
    config = Config(**{**SETTINGS, "runs": str(runs), "name": name, **settings})
    process = start(config)
    process.join(300)
    assert process.exitcode == 0
    return runs / name


@pytest.mark.slow
def test_two_processes_and_another_number_of_threads_give_the_same_bits(tmp_path: Path) -> None:
    one = run(tmp_path, "one")
    assert differences(one, run(tmp_path, "again")) == []
    assert differences(one, run(tmp_path, "threads", threads=2)) == []
    assert compare(one, run(tmp_path, "tau", tau=0.0051)).parts_at == 80


def test_operations_without_a_deterministic_form_are_refused_inside_alone() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() == before


def test_training_is_deterministic_while_it_runs(tmp_path: Path) -> None:
    from ddpg.training import train

    seen: list[bool] = []
    config = Config(**{**SETTINGS, "hidden": (8,), "runs": str(tmp_path)})
    train(
        dataclasses.replace(config, steps=60),
        lambda _: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert seen
    assert all(seen)
