"""Layer normalization and activations: values, members, stops, audit, policy and export."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ddpg import Config, load_policy, train
from ddpg.evaluation.audit import contract_and_updates
from ddpg.evaluation.export import export_policy
from ddpg.fast.layers import ACTIVATIONS, MemberLayerNorm
from ddpg.isolation import audit
from ddpg.isolation.contracts import ours
from ddpg.networks import Actor
from tests.evaluation.test_export import act_arrays
from tests.parts import gradient_kind, make_agent, random_batch, same_bits, snapshot


def test_the_norm_of_each_member_is_pytorchs():
    norm = MemberLayerNorm(2, 8)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    features = torch.randn(2, 5, 8)
    for member in range(2):
        plain = nn.LayerNorm(8)
        with torch.no_grad():
            plain.weight.copy_(norm.weight[member, 0])
            plain.bias.copy_(norm.bias[member, 0])
        assert torch.allclose(norm(features)[member], plain(features[member]), atol=1e-6)


@pytest.mark.parametrize(("activation", "layer_norm"), [(n, n == "elu") for n in ACTIVATIONS])
def test_a_member_computes_what_ordinary_layers_do(activation: str, layer_norm: bool):
    generators = [torch.Generator().manual_seed(seed) for seed in range(2)]
    options = {"activation": activation, "layer_norm": layer_norm}
    actor = Actor(generators, 3, 2, (16, 8), **options)
    function = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "silu": nn.SiLU}[activation]
    observation = torch.randn(2, 5, 3)
    for member in range(2):
        features = observation[member]
        for layer in actor.layers[:-1]:
            features = features @ layer.weight[member] + layer.bias[member]
            features = nn.LayerNorm(features.shape[1])(features) if layer_norm else features
            features = function()(features)
        last = actor.output
        expected = (features @ last.weight[member] + last.bias[member]).tanh()
        assert torch.allclose(actor(observation)[member], expected, atol=1e-5)


@pytest.mark.parametrize("stop", ["none", "detach", "substitute", "eval"])
def test_a_norm_is_trained_and_protected_with_its_module(stop: str):
    agent = make_agent(members=2, layer_norm=True, activation="tanh", stop=stop)
    batch = random_batch(2, 0)
    before = {name: snapshot(module) for name, module in agent.modules.items()}
    agent.update_critic(batch)
    assert gradient_kind(agent.critic.norms.parameters()) == "nonzero"
    leaks = stop in ("none", "eval")
    assert gradient_kind(agent.actor_target.norms.parameters()) == ("nonzero" if leaks else "none")
    moved = {n for n, m in agent.modules.items() if not same_bits(before[n], snapshot(m))}
    assert moved == {"critic", *(("actor_target", "critic_target") if leaks else ())}
    report = audit(ours.contract(agent), ours.updates(agent, batch), stacked=True)
    assert bool(report.findings) == leaks


def test_eval_equals_none_with_a_layer_norm():
    agents = [make_agent(layer_norm=True, stop=stop) for stop in ("none", "eval", "detach")]
    for agent in agents:
        agent.update(random_batch(1, 0))
    none, evaluation, detach = (snapshot(agent.critic_target) for agent in agents)
    assert same_bits(none, evaluation)
    assert not same_bits(none, detach)


def test_a_run_is_resumed_audited_and_exported_with_its_layers(tmp_path: Path):
    settings = {
        **{"runs": str(tmp_path), "members": 2, "hidden": (8, 6), "random_steps": 10},
        **{"layer_norm": True, "activation": "silu", "evaluation_every": 0, "tensorboard": False},
    }
    whole = train(Config(**settings, name="whole", steps=30))
    train(Config(**settings, name="broken", steps=17))
    broken = train(Config(**settings, name="broken", steps=30, resume=True))
    for name, module in whole.agent.modules.items():
        assert same_bits(snapshot(module), snapshot(broken.agent.modules[name]))
    assert not audit(*contract_and_updates(whole.folder), rounds=1, stacked=True).findings
    policy = load_policy(whole.folder, 1)
    observation = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    expected = whole.agent.act(torch.from_numpy(np.stack([observation] * 2)))[1].numpy()
    np.testing.assert_allclose(policy(observation), 2 * expected, atol=1e-5)
    file = tmp_path / "policy.npz"
    export_policy(policy, file)
    np.testing.assert_allclose(act_arrays(file)(observation), policy(observation), atol=1e-5)
