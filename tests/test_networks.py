"""Tests of actor and critic: shapes, ranges, independent members."""

import pytest
import torch

from ddpg.networks import Actor, Critic
from ddpg.random_streams import RandomStreams


def generators(*seeds: int) -> list[torch.Generator]:
    return RandomStreams.from_seeds(list(seeds)).weights


def test_actions_cover_their_range():
    actor = Actor(generators(0, 1), 3, 2, (16,))
    action = actor(100 * torch.randn(2, 500, 3))
    assert action.shape == (2, 500, 2)
    assert action.abs().max() <= 1
    assert action.max() > 0.9
    assert action.min() < -0.9


@pytest.mark.parametrize("action_layer", [0, 1, 2])
def test_critic_depends_on_observation_and_action_at_every_action_layer(action_layer):
    critic = Critic(generators(0), 3, 2, (16, 8), action_layer)
    observation = torch.randn(1, 5, 3, requires_grad=True)
    action = torch.randn(1, 5, 2, requires_grad=True)
    critic(observation, action).sum().backward()
    for tensor in (observation, action):
        assert tensor.grad is not None
        assert tensor.grad.count_nonzero() > 0
    widths = [layer.weight.shape[1] for layer in [*critic.hidden, critic.output]]
    assert widths[action_layer] == [3, 16, 8][action_layer] + 2


def test_member_computes_the_same_alone():
    together = Critic(generators(4, 5, 6), 3, 2, (16, 16), action_layer=1)
    alone = Critic(generators(5), 3, 2, (16, 16), action_layer=1)
    for name, value in alone.state_dict().items():
        assert torch.equal(value[0], together.state_dict()[name][1])
    observation, action = torch.randn(3, 7, 3), torch.randn(3, 7, 2)
    expected = alone(observation[1:2], action[1:2])
    assert torch.allclose(together(observation, action)[1:2], expected, atol=1e-6)


def test_loss_of_one_member_gives_the_others_no_gradient():
    actor = Actor(generators(0, 1), 3, 2, (16,))
    actor(torch.randn(2, 5, 3))[1].sum().backward()
    for parameter in actor.parameters():
        assert parameter.grad is not None
        assert parameter.grad[0].count_nonzero() == 0
        assert parameter.grad[1].count_nonzero() > 0


def test_initial_weights_fill_their_range_and_differ_between_members():
    actor = Actor(generators(0, 1), 25, 1, (400, 300), final_bound=3e-3)
    for layer, bound in (
        (actor.hidden[0], 1 / 5),
        (actor.hidden[1], 1 / 20),
        (actor.output, 3e-3),
    ):
        weight = layer.get_parameter("weight").detach()
        assert 0.95 * bound < weight.abs().max() <= bound
        assert not torch.equal(weight[0], weight[1])
