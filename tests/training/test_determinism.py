"""The same config and seed give the same bits, in another process and with other threads."""

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
def test_two_processes_and_another_number_of_threads_give_the_same_bits(tmp_path: Path) -> None:
    one = run(tmp_path, "one")
    assert differences(one, run(tmp_path, "again")) == []
    assert differences(one, run(tmp_path, "threads", threads=2)) == []
    assert compare_weights(one, run(tmp_path, "tau", tau=0.0051)).differs_at == 80


def test_operations_without_a_deterministic_form_are_refused_inside_alone() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() == before


def test_training_is_deterministic_while_it_runs(tmp_path: Path) -> None:
    from ddpg.training.loop import train

    seen: list[bool] = []
    config = Config(**{**SETTINGS, "hidden": (8,), "runs": str(tmp_path)})
    train(
        dataclasses.replace(config, steps=60),
        lambda _: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert seen
    assert all(seen)


def test_the_precision_of_products_holds_while_it_trains_alone(tmp_path: Path) -> None:
    from ddpg.training.loop import train

    seen: list[str] = []
    config = Config(**{**SETTINGS, "hidden": (8,), "steps": 60, "runs": str(tmp_path)})
    for name in ("highest", "medium"):
        changed = dataclasses.replace(config, name=name, matmul_precision=name)
        train(changed, lambda _: seen.append(torch.get_float32_matmul_precision()))
    assert list(dict.fromkeys(seen)) == ["highest", "medium"]
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.slow
def test_with_coarser_products_correct_stops_are_equal_and_resuming_is_exact(
    tmp_path: Path,
) -> None:
    """At a size at which PyTorch takes other products than it would otherwise."""
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
