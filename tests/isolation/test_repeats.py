"""An update with many equal steps takes the memory of a few, and its numbers stay right."""

import pytest
import torch

from ddpg.isolation import trains
from ddpg.isolation.judge.verdicts import judge
from ddpg.isolation.observe.watcher import Watcher
from tests.isolation.agents import ActorCritic


def watched(steps: int) -> tuple[Watcher, float]:
    """Watch an update of many steps; return the watcher and the distance that the critic moved."""
    agent = ActorCritic()
    contract = agent.contract(updates={"critic_update": trains("critic")})
    before = torch.nn.utils.parameters_to_vector(agent.critic.parameters()).detach().clone()
    watcher = Watcher(contract, dry_run=True)
    with watcher:
        with watcher.update("critic_update"):
            for _ in range(steps):
                agent.critic_update()
        after = torch.nn.utils.parameters_to_vector(agent.critic.parameters()).detach()
        moved = float((after - before).norm())
    return watcher, moved


def test_equal_steps_are_folded() -> None:
    few, many = watched(5)[0].records[0], watched(50)[0].records[0]
    assert len(many.events) == len(few.events) < 10
    assert len(many.calls) == len(few.calls)


def test_the_movement_is_that_of_all_steps() -> None:
    watcher, moved = watched(50)
    (cell,) = (each for each in judge(watcher).cells if each.module == "critic")
    assert cell.movement == pytest.approx(moved, rel=1e-4)
    assert cell.movers == ("critic: gradient",)
