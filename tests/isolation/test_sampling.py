"""A periodic audit meets a leak of any period, and changes nothing else."""

import random

import pytest

from ddpg.isolation import LiveWatch
from ddpg.isolation.sampling import WindowSampler
from tests.isolation.agents import ActorCritic
from tests.isolation.test_live import Writer

PERIODS = (2, 3, 7, 10, 100)
WINDOWS_PER_PERIOD = 7
"""A leak of period p is missed in 7·p windows with a probability of (1 − 1/p)^(7p) < e^−7."""


@pytest.mark.parametrize("every", [1, 2, 10, 100])
def test_each_window_has_one_random_place_beside_the_first_run(every: int) -> None:
    sampler = WindowSampler(every, "0")
    selected = [run for run in range(50 * every) if sampler.selects(run)]
    assert selected[0] == 0
    assert sorted({run // every for run in selected}) == [*range(50)]
    assert len(selected) in (50, 51)
    assert len({run % every for run in selected}) > every // 4


def test_the_places_need_no_state_and_no_global_generator() -> None:
    before = random.getstate()
    whole, resumed = WindowSampler(10, "3"), WindowSampler(10, "3")
    expected = [whole.selects(run) for run in range(200)]
    assert [resumed.selects(run) for run in range(105, 200)] == expected[105:]
    other = WindowSampler(10, "4")
    assert [other.selects(run) for run in range(200)] != expected
    assert random.getstate() == before


@pytest.mark.parametrize("every", [10, 100, 1_000])
@pytest.mark.parametrize("period", PERIODS)
def test_a_leak_of_any_period_is_met_within_seven_windows_per_period(
    period: int, every: int
) -> None:
    windows = WINDOWS_PER_PERIOD * period
    late = [
        stream
        for stream in range(20)
        for sampler in [WindowSampler(every, str(stream))]
        if not any(sampler.selects(run) for run in range(period - 1, windows * every, period))
    ]
    assert late == []


def leaks_in_every(agent: ActorCritic, period: int, updates: int, every: int) -> set[int]:
    """Train with a leak into the actor in each `period`-th update; return the grades drawn."""
    writer = Writer()
    contract = agent.contract(holds={"critic": ("critic", "actor")})
    live = LiveWatch(contract, writer, every)
    agent.critic_optimizer.add_param_group({"params": [*agent.actor.parameters()]})
    for update in range(updates):
        with live.update("critic_update"):
            agent.critic_optimizer.zero_grad(set_to_none=True)
            loss = agent.critic_loss()
            if update % period == period - 1:
                loss = loss + agent.actor_loss()
            loss.backward()
            agent.critic_optimizer.step()
    assert {value for _, value in writer.points["separation/critic_update/critic/grade"]} == {3}
    return {int(value) for _, value in writer.points["separation/critic_update/actor/grade"]}


@pytest.mark.parametrize("period", [2, 3, 7, 10])
def test_a_live_watch_finds_a_periodic_leak_and_not_its_fixed_twin(period: int) -> None:
    updates = 10 * WINDOWS_PER_PERIOD * period
    assert leaks_in_every(ActorCritic(), period, updates, every=10) == {0, 3}
    assert leaks_in_every(ActorCritic(), updates + 1, updates, every=10) == {0}


@pytest.mark.slow
def test_a_live_watch_finds_a_leak_in_one_update_of_a_hundred() -> None:
    assert leaks_in_every(ActorCritic(), 100, 10 * WINDOWS_PER_PERIOD * 100, every=10) == {0, 3}
