"""Equal configs give bit-identical runs, in other processes and with other thread counts."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpg.config.settings import Config
from ddpg.evaluation.weights import compare_weights
from ddpg.training.device import deterministic
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
def test_processes_and_thread_counts_change_no_bit(tmp_path: Path) -> None:
    one = run(tmp_path, "one")
    assert differences(one, run(tmp_path, "again")) == []
    assert differences(one, run(tmp_path, "threads", threads=2)) == []
    assert compare_weights(one, run(tmp_path, "tau", tau=0.0051)).differs_at == 80


def test_deterministic_mode_ends_with_its_block() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() == before


def test_training_runs_in_deterministic_mode(tmp_path: Path) -> None:
    from ddpg.training.loop import train

    seen: list[bool] = []
    config = Config(**{**SETTINGS, "hidden": (8,), "runs": str(tmp_path)})
    train(
        dataclasses.replace(config, steps=60),
        lambda _: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert seen
    assert all(seen)


def test_the_matmul_precision_is_restored_after_training(tmp_path: Path) -> None:
    from ddpg.training.loop import train

    seen: list[str] = []
    config = Config(**{**SETTINGS, "hidden": (8,), "steps": 60, "runs": str(tmp_path)})
    for name in ("highest", "medium"):
        changed = dataclasses.replace(config, name=name, matmul_precision=name)
        train(changed, lambda _: seen.append(torch.get_float32_matmul_precision()))
    assert list(dict.fromkeys(seen)) == ["highest", "medium"]
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.slow
def test_with_medium_precision_correct_stops_are_equal_and_resuming_is_exact(
    tmp_path: Path,
) -> None:
    """The size is large enough for PyTorch to use other matrix products."""
    medium: dict[str, Any] = {"batch_size": 256, "members": 1, "matmul_precision": "medium"}
    one = run(tmp_path, "detach", stop="detach", actor_stop="inputs", **medium)
    same = {file: (one / file).read_bytes() for file in ("metrics.csv", "weights.csv")}
    for stop in ("no_grad", "freeze", "substitute"):
        other = run(tmp_path, stop, stop=stop, actor_stop="freeze+optimizer", **medium)
        assert (other / "weights.csv").read_bytes() == same["weights.csv"]
    leaky = run(tmp_path, "none", stop="none", actor_stop="inputs", **medium)
    assert (leaky / "weights.csv").read_bytes() != same["weights.csv"]
    run(tmp_path, "again", stop="detach", actor_stop="inputs", steps=70, **medium)
    again = run(tmp_path, "again", stop="detach", actor_stop="inputs", resume=True, **medium)
    assert differences(one, again) == []
