"""Tests of the update: gradients derived by hand, members against runs with one member."""

import pytest
import torch
from torch import Tensor

from ddpg.agent import DDPG, Values
from ddpg.config.settings import Config
from ddpg.replay import Batch
from tests.parts import (
    ACTION_DIM,
    OBSERVATION_DIM,
    make_agent,
    random_batch,
    same_bits,
    snapshot,
)


def member_of(batch: Batch, member: int) -> Batch:
    """Return the batch of one member."""
    return Batch(*(field[member : member + 1] for field in batch))


@pytest.mark.parametrize("member", [0, 1, 2])
def test_member_of_three_equals_the_run_with_its_seed_alone(member):
    together, alone = make_agent(members=3, seed=5), make_agent(members=1, seed=5 + member)
    batch = random_batch(3, seed=0)
    for name, module in alone.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(together.modules[name].state_dict()[key][member], value[0])
    values, expected = together.update(batch), alone.update(member_of(batch, member))
    for ours, theirs in zip(values, expected, strict=True):
        assert torch.allclose(ours[member], theirs[0], rtol=1e-5, atol=1e-6)
    for name, module in alone.modules.items():
        for key, value in module.state_dict().items():
            difference = together.modules[name].state_dict()[key][member] - value[0]
            assert difference.abs().max() < 1e-5, (name, key)


@pytest.mark.parametrize("stop", ["no_grad+optimizer", "none"])
def test_values_of_an_update_are_detached_and_its_metrics_are_per_member(stop):
    values = make_agent(members=3, stop=stop).update(random_batch(3, 0, batch=4))
    for value in values:
        assert value.shape == (3, 4, 1)
        assert not value.requires_grad
    for metric in values.metrics():
        assert metric.shape == (3,)


def test_loss_is_the_sum_over_members_and_gradients_are_independent():
    agent, batch = make_agent(members=3), random_batch(3, 0)
    critic_loss, q, target = agent.critic_loss(batch)
    actor_loss, policy_q = agent.actor_loss(batch)
    metrics = Values(q, target, policy_q).metrics()
    assert torch.allclose(critic_loss, metrics.critic_loss.sum())
    assert torch.allclose(actor_loss, metrics.actor_loss.sum())
    for member, own in enumerate(metrics.critic_loss):
        weight = agent.critic.output.get_parameter("weight")
        (whole,) = torch.autograd.grad(critic_loss, weight, retain_graph=True)
        (alone,) = torch.autograd.grad(own, weight, retain_graph=True)
        assert torch.allclose(whole[member], alone[member], rtol=1e-5)
        assert alone[member].any()


def linear_agent() -> tuple[DDPG, dict[str, Tensor]]:
    """Return an agent with scalar s, a > −1 and one hidden unit, whose ReLUs are all active.

    μ(s) = tanh(v·(s + 1) + d) and Q(s, a) = w·(s + 2a + 4) + c, so the critic's loss is quadratic.
    """
    agent = DDPG(
        Config(hidden=(1,), gamma=0.5, actor_learning_rate=0.01, critic_learning_rate=0.01),
        1,
        1,
        [torch.Generator().manual_seed(0)],
        torch.device("cpu"),
    )
    values = {"v": 0.3, "d": -0.1, "w": 0.7, "c": 0.2}
    for actor in (agent.actor, agent.actor_target):
        actor.load_state_dict(
            {
                "hidden.0.weight": torch.ones(1, 1, 1),
                "hidden.0.bias": torch.ones(1, 1, 1),
                "output.weight": torch.full((1, 1, 1), values["v"]),
                "output.bias": torch.full((1, 1, 1), values["d"]),
            }
        )
    for critic in (agent.critic, agent.critic_target):
        critic.load_state_dict(
            {
                "hidden.0.weight": torch.tensor([[[1.0], [2.0]]]),
                "hidden.0.bias": torch.full((1, 1, 1), 4.0),
                "output.weight": torch.full((1, 1, 1), values["w"]),
                "output.bias": torch.full((1, 1, 1), values["c"]),
            }
        )
    return agent, {name: torch.tensor(value) for name, value in values.items()}


def test_critic_gradient_of_a_linear_quadratic_case_by_hand():
    agent, k = linear_agent()
    s = torch.tensor([0.1, 0.5, -0.3])
    a = torch.tensor([0.2, -0.6, 0.4])
    r = torch.tensor([1.0, -2.0, 0.5])
    after = torch.tensor([0.4, 0.0, -0.2])
    terminated = torch.tensor([0.0, 1.0, 0.0])
    batch = Batch(*(column.view(1, 3, 1) for column in (s, a, r, after, terminated)))
    # Equations 4 and 5: y = r + γ(1 − d)Q(s', μ(s')), ∂L/∂w = mean of 2(Q − y)·h.
    best = torch.tanh(k["v"] * (after + 1) + k["d"])
    y = r + 0.5 * (1 - terminated) * (k["w"] * (after + 2 * best + 4) + k["c"])
    h = s + 2 * a + 4
    error = k["w"] * h + k["c"] - y
    loss, _, target = agent.critic_loss(batch)
    assert torch.allclose(target.flatten(), y, atol=1e-6)
    assert loss.item() == pytest.approx(error.square().mean().item(), rel=1e-6)
    agent.update_critic(batch)
    gradients = {name: p.grad for name, p in agent.critic.named_parameters()}
    by_hand = {
        "output.weight": 2 * (error * h).mean(),
        "output.bias": 2 * error.mean(),
        "hidden.0.weight": 2 * k["w"] * torch.stack([(error * s).mean(), (error * a).mean()]),
        "hidden.0.bias": 2 * k["w"] * error.mean(),
    }
    for name, expected in by_hand.items():
        gradient = gradients[name]
        assert gradient is not None
        assert torch.allclose(gradient.flatten(), expected.flatten(), atol=1e-6), name
    # Adam's first step is the learning rate times the negative sign of the gradient.
    moved = agent.critic.output.get_parameter("bias").item() - k["c"].item()
    assert moved == pytest.approx(-0.01 * by_hand["output.bias"].sign().item(), rel=1e-4)


def test_actor_gradient_of_a_linear_quadratic_case_by_hand():
    agent, k = linear_agent()
    s = torch.tensor([0.1, 0.5, -0.3])
    zero = torch.zeros(1, 3, 1)
    batch = Batch(s.view(1, 3, 1), zero, zero, zero, zero)
    # Equation 6: ∇ₐQ = 2w, ∂μ/∂v = (1 − μ²)(s + 1).
    action = torch.tanh(k["v"] * (s + 1) + k["d"])
    slope = 2 * k["w"] * (1 - action.square())
    loss, _ = agent.actor_loss(batch)
    assert loss.item() == pytest.approx(-(k["w"] * (s + 2 * action + 4) + k["c"]).mean().item())
    agent.update_actor(batch)
    gradients = {name: p.grad for name, p in agent.actor.named_parameters()}
    by_hand = {
        "output.weight": -(slope * (s + 1)).mean(),
        "output.bias": -slope.mean(),
        "hidden.0.weight": -(slope * k["v"] * s).mean(),
        "hidden.0.bias": -(slope * k["v"]).mean(),
    }
    for name, expected in by_hand.items():
        gradient = gradients[name]
        assert gradient is not None
        assert torch.allclose(gradient.flatten(), expected.flatten(), atol=1e-6), name


def test_weight_decay_moves_only_the_trained_module():
    agent = make_agent(stop="manual", critic_weight_decay=0.1)
    plain = make_agent(stop="manual")
    before = agent.critic_target.output.get_parameter("weight").detach().clone()
    for seed in range(2):
        agent.update_critic(random_batch(1, seed))
        plain.update_critic(random_batch(1, seed))
    assert torch.equal(agent.critic_target.output.get_parameter("weight"), before)
    assert not torch.equal(
        agent.critic.output.get_parameter("weight"), plain.critic.output.get_parameter("weight")
    )


def test_settings_apply_to_networks_and_optimizers():
    agent = make_agent(
        final_bound=1e-3,
        action_layer=1,
        actor_learning_rate=0.02,
        critic_learning_rate=0.03,
        critic_weight_decay=0.1,
    )
    for network in (agent.actor, agent.critic):
        for parameter in network.output.parameters():
            assert 0 < parameter.abs().max() <= 1e-3
    widths = [layer.get_parameter("weight").shape[1] for layer in agent.critic.hidden]
    assert widths == [OBSERVATION_DIM, 16 + ACTION_DIM]
    for optimizer, rate, decay in (
        (agent.actor_optimizer, 0.02, 0.0),
        (agent.critic_optimizer, 0.03, 0.1),
    ):
        assert [(g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [(rate, decay)]


def test_sgd_steps_by_the_learning_rate_times_the_gradient():
    agent = make_agent(optimizer="sgd", critic_learning_rate=0.1, actor_learning_rate=0.2)
    for module, rate in (("critic", 0.1), ("actor", 0.2)):
        trained = agent.modules[module]
        update = agent.update_critic if module == "critic" else agent.update_actor
        for seed in range(2):
            before = snapshot(trained)
            update(random_batch(1, seed))
            for name, parameter in trained.named_parameters():
                assert parameter.grad is not None
                assert parameter.grad.any()
                expected = before[name] - rate * parameter.grad
                assert torch.allclose(parameter, expected, rtol=0, atol=1e-7), (module, name)


def test_adam_cancels_the_scale_of_a_leak_and_sgd_does_not():
    for optimizer, halved in (("adam", False), ("sgd", True)):
        moved = {}
        for scale in (1.0, 0.5):
            agent = make_agent(stop="manual", manual_scale=scale, optimizer=optimizer)
            before = snapshot(agent.critic_target)
            agent.update_critic(random_batch(1, 0))
            after = snapshot(agent.critic_target)
            moved[scale] = torch.cat([(after[name] - before[name]).flatten() for name in before])
        ratio = moved[0.5].norm() / moved[1.0].norm()
        assert ratio.item() == pytest.approx(0.5 if halved else 1.0, rel=1e-2), optimizer


@pytest.mark.parametrize("crossing", ["stop", "actor_stop"])
def test_settings_of_manual_apply_at_both_crossings(crossing):
    protected = "critic_target" if crossing == "stop" else "critic"
    for settings, expected in (
        ({"manual_scale": 0.5}, [True, True]),
        ({"manual_every": 2}, [False, True]),
    ):
        agent = make_agent(**{crossing: "manual"}, **settings)
        update = agent.update_critic if crossing == "stop" else agent.update_actor
        moved = []
        for seed in range(2):
            before = snapshot(agent.modules[protected])
            update(random_batch(1, seed))
            moved.append(not same_bits(before, snapshot(agent.modules[protected])))
        assert moved == expected, settings


def test_period_of_the_live_actor_is_its_own():
    every = {"actor": 2, "critic_target": 1}
    agent = make_agent(stop="manual", bootstrap_actor="live", manual_every=every, optimizer="sgd")
    moved = []
    for seed in range(4):
        before = {name: snapshot(module) for name, module in agent.modules.items()}
        agent.update_critic(random_batch(1, seed))
        moved.append([n for n, m in agent.modules.items() if not same_bits(before[n], snapshot(m))])
    assert moved == [["critic"], ["actor", "critic"]] * 2


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_state_restores_weights_moments_and_counters(optimizer):
    agent, other = (
        make_agent(members=2, stop="manual", manual_every=3, optimizer=optimizer) for _ in range(2)
    )
    for seed in range(2):
        agent.update(random_batch(2, seed))
    other.load_state_dict(agent.state_dict())
    for seed in range(2, 5):
        batch = random_batch(2, seed)
        for ours, theirs in zip(agent.update(batch), other.update(batch), strict=True):
            assert torch.equal(ours, theirs)
    for name, module in agent.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, other.modules[name].state_dict()[key])
