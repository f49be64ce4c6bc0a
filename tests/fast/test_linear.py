"""PyTorch's tools for modules work on the networks, or are refused in one sentence."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from ddpg.networks import Actor, Critic
from tests.parts import make_agent

OBSERVATION, ACTION = torch.rand(2, 5, 3), torch.rand(2, 5, 2)


@pytest.fixture
def networks() -> tuple[Actor, Critic]:
    """Return small networks of two members."""
    agent = make_agent(members=2)
    return agent.actor, agent.critic


def actions_and_values(networks: tuple[Actor, Critic]) -> tuple[Tensor, Tensor]:
    return networks[0](OBSERVATION), networks[1](OBSERVATION, ACTION)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_pruned_networks_compute_with_the_mask_and_train(
    networks: tuple[Actor, Critic], name: str
) -> None:
    before = actions_and_values(networks)
    masked = deepcopy(networks)
    for network, plain in zip(networks, masked, strict=True):
        for layer, twin in zip(network.layers, plain.layers, strict=True):
            prune.l1_unstructured(layer, name, amount=0.5)
            with torch.no_grad():
                getattr(twin, name).mul_(getattr(layer, f"{name}_mask"))
    after = actions_and_values(networks)
    for value, old, expected in zip(after, before, actions_and_values(masked), strict=True):
        assert torch.equal(value, expected)
        assert not torch.equal(value, old)
    after[1].sum().backward()
    layer = networks[1].layers[0]
    gradient, mask = getattr(layer, f"{name}_orig").grad, getattr(layer, f"{name}_mask")
    assert bool(gradient[mask == 1].any())
    assert not bool(gradient[mask == 0].any())


@pytest.mark.parametrize(
    "parametrize",
    [
        lambda layer: parametrizations.spectral_norm(layer),
        lambda layer: nn.utils.spectral_norm(layer),
        lambda layer: parametrizations.weight_norm(layer),
    ],
)
def test_parametrized_layers_compute_with_the_new_weight(
    networks: tuple[Actor, Critic], parametrize: Callable[[nn.Module], nn.Module]
) -> None:
    actor, _ = networks
    layer = actor.layers[-1]
    before = actor(OBSERVATION)
    with torch.no_grad():
        layer.weight.mul_(50)
    large = actor(OBSERVATION)
    # Without a power iteration of the spectral norm in each call, which changes the weight.
    parametrize(layer).eval()
    after = actor(OBSERVATION)
    features = OBSERVATION
    for hidden in actor.layers[:-1]:
        features = hidden(features).relu()
    expected = torch.baddbmm(layer.bias, features, layer.weight).tanh()
    assert torch.allclose(after, expected, atol=1e-6)
    assert not torch.equal(before, large)
    after.sum().backward()
    originals = [each for each in layer.parameters() if each is not layer.bias]
    assert originals
    assert any(each.grad is not None and bool(each.grad.any()) for each in originals)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_scripting_is_refused_and_tracing_works(networks: tuple[Actor, Critic]) -> None:
    actor, critic = networks
    for network in networks:
        with pytest.raises(TypeError, match=r"^cannot script MemberLinear: .* allowed: torch.jit"):
            torch.jit.script(network)
    traced: Any = torch.jit.trace(actor, OBSERVATION)
    assert torch.equal(traced(OBSERVATION), actor(OBSERVATION))
    traced = torch.jit.trace(critic, (OBSERVATION, ACTION))
    assert torch.equal(traced(OBSERVATION, ACTION), critic(OBSERVATION, ACTION))
