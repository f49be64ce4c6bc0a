"""The limit of gradient norms: per module and member, the same under every stop that protects."""

import pytest
import torch
from torch import nn

from ddpg.stops import Crossing, Effect, build, stop_names
from ddpg.stops.clipping import GradientClip
from ddpg.stops.composition import Composition
from ddpg.tutorial.gradient_edits import clip_norm
from tests.parts import make_agent, random_batch, same_bits, snapshot

LIMIT = 0.05


def norms(module: nn.Module) -> torch.Tensor:
    """Return the norm of the gradient per member."""
    rows = [p.grad.flatten(1) for p in module.parameters() if p.grad is not None]
    return torch.cat(rows, 1).norm(dim=1)


def gradients(
    limit: float | None, stop: str, actor_stop: str = "inputs"
) -> dict[str, torch.Tensor]:
    """Return the norms per member after one update of critic and actor."""
    agent = make_agent(members=3, gradient_clip=limit, stop=stop, actor_stop=actor_stop)
    batch = random_batch(3, 0)
    agent.update_critic(batch)
    found = {"critic": norms(agent.critic)}
    if stop == "none":
        found |= {"actor_target": norms(agent.actor_target)}
    agent.update_actor(batch)
    return {**found, "actor": norms(agent.actor)}


@pytest.mark.parametrize("stop", ["detach", "none"])
def test_the_norm_of_each_module_and_member_is_limited(stop: str):
    free, clipped = gradients(None, stop), gradients(LIMIT, stop)
    # Some norms are above the limit and some, of the same module, differ between members.
    assert (torch.cat(list(free.values())) > LIMIT).any()
    for module in ("critic", *(["actor_target"] if stop == "none" else [])):
        expected = free[module].clamp(max=LIMIT)
        assert torch.allclose(clipped[module], expected, rtol=1e-3), module
        assert len(set(free[module].tolist())) == 3
    assert (clipped["actor"] <= LIMIT * 1.001).all()
    assert (clipped["actor"] > 0).all()


def test_the_formula_is_that_of_pytorch():
    agent = make_agent(gradient_clip=LIMIT)
    loss, *_ = agent.critic_loss(random_batch(1, 0))
    loss.backward()
    expected = [p.grad.clone() for p in agent.critic.parameters() if p.grad is not None]
    agent.critic_stop.edit_gradients()
    own = [p.grad for p in agent.critic.parameters()]
    for parameter, gradient in zip(agent.critic.parameters(), expected, strict=True):
        parameter.grad = gradient
    nn.utils.clip_grad_norm_(agent.critic.parameters(), LIMIT)
    for mine, parameter in zip(own, agent.critic.parameters(), strict=True):
        assert mine is not None
        assert parameter.grad is not None
        assert torch.allclose(mine, parameter.grad)


def test_correct_stops_clip_to_the_same_bits():
    pairs = [(stop, "inputs") for stop in stop_names(Crossing.UPSTREAM, Effect.PROTECTS)]
    pairs += [("detach", stop) for stop in stop_names(Crossing.DOWNSTREAM, Effect.PROTECTS)]
    results = []
    for stop, actor_stop in [*pairs, ("none", "none")]:
        agent = make_agent(members=2, gradient_clip=LIMIT, stop=stop, actor_stop=actor_stop)
        for seed in range(3):
            agent.update(random_batch(2, seed))
        results.append(
            {f"{n}.{k}": v for n, m in agent.modules.items() for k, v in snapshot(m).items()}
        )
    assert all(same_bits(results[0], each) for each in results[1:-1])
    assert not same_bits(results[0], results[-1])


def test_a_counter_of_manual_is_stored_with_a_clip():
    agent = make_agent(gradient_clip=LIMIT, stop="manual", manual_every=2)
    agent.update(random_batch(1, 0))
    assert agent.critic_stop.state_dict() == {"manual.updates": 1}
    other = make_agent(gradient_clip=LIMIT, stop="manual", manual_every=2)
    other.load_state_dict(agent.state_dict())
    assert other.critic_stop.state_dict() == {"manual.updates": 1}


def test_without_a_limit_there_is_no_clip():
    layers = {"L2": nn.Linear(2, 1)}, {"L1": nn.Linear(2, 2)}
    for limit, count in ((None, 0), (1.0, 1)):
        stop = build("detach+optimizer", Crossing.UPSTREAM, *layers, gradient_clip=limit)
        assert isinstance(stop, Composition)
        assert sum(isinstance(each, GradientClip) for each in stop.stops) == count


def test_one_norm_over_two_layers_couples_them():
    """The lesson's case: the optimizer holds L2 alone, and L1's gradient shortens L2's step."""
    joint, alone = (
        [clip_norm(stop, is_joint, 0.3) for stop in ("detach", "optimizer")]
        for is_joint in (True, False)
    )
    assert joint[0].l1_gradient == 0 < joint[1].l1_gradient
    assert joint[1].l2_movement < 0.8 * joint[0].l2_movement
    assert alone[0].l2_movement == alone[1].l2_movement == joint[0].l2_movement
    assert {step.l1_movement for step in (*joint, *alone)} == {0.0}
