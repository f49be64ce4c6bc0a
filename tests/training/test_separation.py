"""Every stop at both crossings: each update trains its network and leaves the others unchanged.

The table of legal pairs parametrizes these tests, so they cover a new stop.
"""

import warnings

import pytest
from torch import nn

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.stops import STOPS, Crossing, Effect, Stop, StopWarning, stop_names
from tests.parts import gradient_kind, make_agent, random_batch, same_bits, snapshot

GRADIENT_LEFT = {
    "none": "nonzero",
    "eval": "nonzero",
    "optimizer": "nonzero",
    "manual": "zero",
    "detach": "none",
    "no_grad": "none",
    "inference": "none",
    "freeze": "none",
    "inputs": "none",
    "substitute": "none",
    "chain_rule": "none",
}
"""Kind of the protected modules' `.grad` after an update, per stop that protects or leaks."""

UPSTREAM, DOWNSTREAM = Crossing.UPSTREAM, Crossing.DOWNSTREAM
every_shape = [(members, updates, "adam") for members in (1, 3) for updates in (1, 30)]
every_shape.append((3, 30, "sgd"))


def run_critic_updates(agent: DDPG, updates: int) -> dict[str, bool]:
    """Run updates of the critic only; return network -> whether it moved."""
    before = {name: snapshot(module) for name, module in agent.modules.items()}
    for seed in range(updates):
        agent.update_critic(random_batch(agent.config.members, seed))
    return moved_since(agent, before)


def run_actor_updates(agent: DDPG, updates: int) -> dict[str, bool]:
    """Run updates of the actor only; return network -> whether it moved."""
    before = {name: snapshot(module) for name, module in agent.modules.items()}
    for seed in range(updates):
        agent.update_actor(random_batch(agent.config.members, seed))
    return moved_since(agent, before)


def moved_since(agent: DDPG, before: dict[str, dict]) -> dict[str, bool]:
    return {
        name: not same_bits(before[name], snapshot(module))
        for name, module in agent.modules.items()
    }


def require_live_gradients(module: nn.Module, members: int) -> None:
    """Assert that every member of every parameter of `module` has a non-zero gradient."""
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        for member in range(members):
            assert parameter.grad[member].count_nonzero() > 0, f"{name} of member {member}"


@pytest.mark.parametrize(("members", "updates", "optimizer"), every_shape)
@pytest.mark.parametrize("bootstrap_actor", ["target", "live"])
@pytest.mark.parametrize("stop", stop_names(UPSTREAM, Effect.PROTECTS))
def test_a_critic_update_moves_only_the_critic(stop, bootstrap_actor, members, updates, optimizer):
    agent = make_agent(
        stop=stop, bootstrap_actor=bootstrap_actor, members=members, optimizer=optimizer
    )
    moved = run_critic_updates(agent, updates)
    assert moved == {
        "actor": False,
        "critic": True,
        "actor_target": False,
        "critic_target": False,
    }
    require_live_gradients(agent.critic, members)
    assert gradient_kind(agent.critic_stop.protected_parameters) == GRADIENT_LEFT[stop]


@pytest.mark.parametrize(("members", "updates", "optimizer"), every_shape)
@pytest.mark.parametrize("bootstrap_actor", ["target", "live"])
@pytest.mark.parametrize("stop", stop_names(UPSTREAM, Effect.LEAKS))
def test_the_controls_leak_in_the_critic_update(stop, bootstrap_actor, members, updates, optimizer):
    agent = make_agent(
        stop=stop, bootstrap_actor=bootstrap_actor, members=members, optimizer=optimizer
    )
    moved = run_critic_updates(agent, updates)
    live = bootstrap_actor == "live"
    assert moved == {
        "actor": live,
        "critic": True,
        "actor_target": not live,
        "critic_target": True,
    }
    require_live_gradients(agent.critic, members)
    assert gradient_kind(agent.critic_stop.protected_parameters) == GRADIENT_LEFT[stop]


@pytest.mark.parametrize(("members", "updates", "optimizer"), every_shape)
@pytest.mark.parametrize("bootstrap_actor", ["target", "live"])
@pytest.mark.parametrize("stop", stop_names(DOWNSTREAM, Effect.PROTECTS))
def test_an_actor_update_moves_only_the_actor(stop, bootstrap_actor, members, updates, optimizer):
    agent = make_agent(
        actor_stop=stop, bootstrap_actor=bootstrap_actor, members=members, optimizer=optimizer
    )
    moved = run_actor_updates(agent, updates)
    assert moved == {
        "actor": True,
        "critic": False,
        "actor_target": False,
        "critic_target": False,
    }
    require_live_gradients(agent.actor, members)
    assert gradient_kind(agent.critic.parameters()) == GRADIENT_LEFT[stop]


@pytest.mark.parametrize(("members", "updates", "optimizer"), every_shape)
@pytest.mark.parametrize("bootstrap_actor", ["target", "live"])
@pytest.mark.parametrize("stop", stop_names(DOWNSTREAM, Effect.LEAKS))
def test_the_controls_leak_in_the_actor_update(stop, bootstrap_actor, members, updates, optimizer):
    agent = make_agent(
        actor_stop=stop, bootstrap_actor=bootstrap_actor, members=members, optimizer=optimizer
    )
    moved = run_actor_updates(agent, updates)
    assert moved == {"actor": True, "critic": True, "actor_target": False, "critic_target": False}
    require_live_gradients(agent.actor, members)
    assert gradient_kind(agent.critic.parameters()) == GRADIENT_LEFT[stop]


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("stop", stop_names(DOWNSTREAM, Effect.STARVES))
def test_a_cut_in_the_actor_update_starves_the_actor_and_trains_the_critic(stop, members):
    with pytest.warns(StopWarning, match="chain_rule"):
        agent = make_agent(actor_stop=stop, members=members)
    moved = run_actor_updates(agent, 1)
    assert moved == {"actor": False, "critic": True, "actor_target": False, "critic_target": False}
    assert gradient_kind(agent.actor.parameters()) == "none"
    require_live_gradients(agent.critic, members)


@pytest.mark.parametrize("stop", stop_names(DOWNSTREAM, Effect.IMPOSSIBLE))
def test_a_stop_that_leaves_nothing_to_differentiate_is_refused(stop):
    with pytest.raises(ConfigError, match="nothing to differentiate"):
        make_agent(actor_stop=stop)


@pytest.mark.parametrize("stop", stop_names(UPSTREAM, Effect.ILLEGAL))
def test_a_stop_that_is_not_defined_in_the_critic_update_is_refused(stop):
    with pytest.raises(ConfigError, match="is not allowed upstream"):
        make_agent(stop=stop)


@pytest.mark.parametrize("default", ["stop", "actor_stop"])
def test_the_defaults_protect_and_train(default):
    agent = make_agent(members=2)
    assert getattr(agent.config, default) == getattr(Config(), default)
    moved = (run_critic_updates if default == "stop" else run_actor_updates)(agent, 3)
    assert [name for name, value in moved.items() if value] == [
        "critic" if default == "stop" else "actor"
    ]


def test_targets_move_only_by_polyak_averaging():
    agent = make_agent(members=2, tau=0.25)
    agent.update_critic(random_batch(2, 0))
    agent.update_actor(random_batch(2, 1))
    before = {name: snapshot(module) for name, module in agent.modules.items()}
    agent.update_targets()
    for online, target in (("actor", "actor_target"), ("critic", "critic_target")):
        assert same_bits(snapshot(agent.modules[online]), before[online])
        for name, value in agent.modules[target].state_dict().items():
            expected = 0.25 * before[online][name] + 0.75 * before[target][name]
            assert not value.equal(before[target][name])
            assert (value - expected).abs().max() < 1e-7


def test_every_stop_has_a_row_in_both_tables():
    assert set(GRADIENT_LEFT) == set(STOPS)
    for stop in STOPS.values():
        assert set(stop.effect) == set(Crossing)


def test_no_warning_where_training_works():
    with warnings.catch_warnings():
        warnings.simplefilter("error", StopWarning)
        for stop in stop_names(DOWNSTREAM, Effect.PROTECTS, Effect.LEAKS):
            assert isinstance(make_agent(actor_stop=stop).actor_stop, Stop)
