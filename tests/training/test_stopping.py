"""Early ends of a run, the best policy of each member, and another writer of the curves."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpg import CheckpointError, Config, ConfigError, Progress, evaluate, load_policy, train
from ddpg.comparison.plan import Plan
from ddpg.runs.folder import RunFolder
from ddpg.training.best import BestPolicies
from tests.parts import make_agent

SMALL: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 10, "log_every": 5, "members": 2},
    **{"evaluation_every": 10, "evaluation_episodes": 1, "separation_every": 10, "steps": 60},
    "tensorboard": False,
}


def config(runs: Path, **settings: Any) -> Config:
    return Config(**{**SMALL, "runs": str(runs), "name": "mine", **settings})


def evaluations(run: Path) -> list[tuple[int, int, float]]:
    with (run / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["return/evaluation"]]
    return [(int(r["step"]), int(r["member"]), float(r["return/evaluation"])) for r in rows]


def test_a_run_ends_when_every_member_reached_the_return_and_goes_on_for_a_higher_one(tmp_path):
    whole = train(config(tmp_path, name="whole"))
    by_step: dict[int, list[float]] = {}
    for step, _, value in evaluations(whole.folder):
        by_step.setdefault(step, []).append(value)
    lowest = {step: min(values) for step, values in by_step.items()}
    goal = sorted(lowest.values())[2]
    first = min(step for step, value in lowest.items() if value >= goal)
    result = train(config(tmp_path, stop_at_return=goal))
    assert (result.step, result.finished, result.signal) == (first, first == 60, None)
    assert result.early == (
        "" if first == 60 else f"every member reached the return {goal:g} (stop_at_return)"
    )
    again = train(config(tmp_path, stop_at_return=None, resume=True))
    assert (again.step, again.finished, again.early) == (60, True, "")
    for file in ("weights.csv", "metrics.csv"):
        assert (again.folder / file).read_bytes() == (whole.folder / file).read_bytes()


def test_a_return_of_one_member_is_not_enough(tmp_path):
    whole = train(config(tmp_path, name="whole"))
    *_, second, goal = sorted(value for *_, value in evaluations(whole.folder))
    assert second < goal
    alone = train(config(tmp_path, stop_at_return=goal))
    assert alone.step == 60


def test_a_report_that_returns_true_ends_the_run(tmp_path):
    seen: list[Progress] = []

    def report(progress: Progress) -> bool:
        seen.append(progress)
        return progress.step == 25

    result = train(config(tmp_path), report)
    assert (result.step, result.finished) == (25, False)
    assert result.early == "the caller's report returned True"
    values = seen[-1].values
    assert values["loss/critic"].shape == (2,)
    assert (values["separation/critic_update/critic/grade"] == 3).all()
    # Another object than True, as from a callback without a return value, does not end it.
    assert train(config(tmp_path, resume=True), lambda progress: progress).step == 60


def test_stop_at_return_needs_evaluations_and_is_not_for_comparisons():
    with pytest.raises(
        ConfigError, match=r"stop_at_return: -100\.0 is not allowed with evaluation"
    ):
        Config(stop_at_return=-100, evaluation_every=0)
    with pytest.raises(ConfigError, match=r"any setting except .*stop_at_return"):
        Plan(settings={"stop_at_return": -100})


def test_the_best_policies_are_those_of_the_best_evaluations(tmp_path):
    """Both members, with a break, after which the best of before is still known."""
    train(config(tmp_path, steps=35))
    folder = train(config(tmp_path, resume=True)).folder
    values = evaluations(folder)
    steps = set()
    for member in range(2):
        best = max(value for _, who, value in values if who == member)
        step = next(step for step, who, value in values if (who, value) == (member, best))
        policy = load_policy(folder, member, best=True)
        assert policy.step == step
        stopped = train(config(tmp_path, name=f"to-{member}", steps=step)).folder
        for observation in np.eye(3):
            expected = load_policy(stopped, member)(observation)
            assert np.array_equal(policy(observation), expected)
        steps.add(step)
        assert load_policy(folder, member).step == 60
    evaluation = evaluate(folder, 2, best=True)
    assert {member.step for member in evaluation.members} == steps
    assert steps != {60}
    assert evaluation.to_dict()["members"] != evaluate(folder, 2).to_dict()["members"]


def test_a_lower_return_keeps_the_best_policy_and_a_dropped_member_too():
    agent = make_agent(members=2)
    best = BestPolicies(agent.actor, 2)
    assert best.update(agent.actor, 10, np.array([-5.0, -7.0]), ["a", "b"])
    first = best.state_dict()
    with torch.no_grad():
        for parameter in agent.actor.parameters():
            parameter += 1
    assert best.update(agent.actor, 20, np.array([-6.0, -1.0]), ["c", "d"])
    second = best.state_dict()
    assert (second["steps"], second["scores"]) == ([10, 20], [-5.0, -1.0])
    assert second["statistics"] == ["a", "d"]
    for name, value in second["actor"].items():
        assert torch.equal(value[0], first["actor"][name][0])
        assert torch.equal(value[1], first["actor"][name][1] + 1)
    assert not best.update(agent.actor, 30, np.array([np.nan, -1.0]), [])


def test_a_run_without_evaluations_has_no_best_policy(tmp_path):
    folder = train(config(tmp_path, evaluation_every=0)).folder
    assert not RunFolder(folder).best_file.exists()
    with pytest.raises(CheckpointError, match=r"policy.pt: the run has no evaluation yet"):
        load_policy(folder, best=True)


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_of_the_best_policy_is_refused(tmp_path, damage):
    folder = train(config(tmp_path, steps=20)).folder
    file = RunFolder(folder).best_file
    if damage is None:
        torch.save({"actor": {}, "steps": [1]}, file)
    else:
        file.write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"cannot load .*policy\.pt: "):
        load_policy(folder, best=True)


class Writer:
    def __init__(self) -> None:
        self.points: dict[str, dict[int, float]] = {}

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.points.setdefault(tag, {})[step] = value


@pytest.mark.parametrize("members", [1, 2])
def test_another_writer_gets_every_point(tmp_path, members):
    writer = Writer()
    folder = train(config(tmp_path, members=members, seed=3), writer=writer).folder
    with (folder / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            prefix = "" if members == 1 else f"seed-{3 + int(row['member'])}/"
            for tag in set(row) - {"step", "member"}:
                given = writer.points.get(prefix + tag, {}).get(int(row["step"]))
                assert (float(row[tag]) if row[tag] else None) == given
    speed = [tag for tag in writer.points if tag.endswith("environment_steps_per_second")]
    assert len(speed) == members
