"""Updates of our agent equal updates of Stable-Baselines3's DDPG."""

from collections.abc import Iterator, Sequence

import pytest
import stable_baselines3
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor, nn

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.fast.linear import MemberLinear
from ddpg.replay import Batch
from ddpg.stops import Crossing, Effect, stop_names


def layers(module: nn.Module) -> list[MemberLinear]:
    return [layer for layer in module.modules() if isinstance(layer, MemberLinear)]


def peer_layers(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def parameter_pairs(own: nn.Module, peer: nn.Module) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield name, own parameter in the peer's layout, and the peer's parameter."""
    for index, (left, right) in enumerate(zip(layers(own), peer_layers(peer), strict=True)):
        yield f"{index}.weight", left.weight[0].T, right.weight
        yield f"{index}.bias", left.bias[0, 0], right.bias


def network_pairs(
    agent: DDPG, model: stable_baselines3.DDPG
) -> list[tuple[str, nn.Module, nn.Module]]:
    return [
        ("actor", agent.actor, model.actor),
        ("critic", agent.critic, model.critic),
        ("actor_target", agent.actor_target, model.actor_target),
        ("critic_target", agent.critic_target, model.critic_target),
    ]


def build_peer() -> stable_baselines3.DDPG:
    model = stable_baselines3.DDPG(
        "MlpPolicy",
        "Pendulum-v1",
        learning_rate=1e-3,
        tau=0.005,
        gamma=0.98,
        policy_kwargs={"net_arch": [64, 64]},
        seed=0,
        device="cpu",
    )
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def build_agent(stop: str, actor_stop: str, model: stable_baselines3.DDPG) -> DDPG:
    """Build our agent with the peer's weights and settings."""
    config = Config(
        stop=stop,
        actor_stop=actor_stop,
        gamma=0.98,
        tau=0.005,
        hidden=(64, 64),
        actor_learning_rate=1e-3,
        critic_learning_rate=1e-3,
    )
    agent = DDPG(config, 3, 1, [torch.Generator()], torch.device("cpu"))
    with torch.no_grad():
        for _, module, other in network_pairs(agent, model):
            for _, left, right in parameter_pairs(module, other):
                left.copy_(right)
    return agent


def batches(count: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    drawn = (Batch.random(1, 64, 3, 1, generator, terminated=0.1) for _ in range(count))
    return [batch._replace(reward=-batch.reward.square()) for batch in drawn]


def record_gradients(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]
) -> list[Tensor]:
    """Return a list that every step of `optimizer` fills with the gradients that it applies."""
    gradients: list[Tensor] = []

    def record(*_: object) -> None:
        gradients[:] = [p.grad.clone() for p in parameters if p.grad is not None]

    optimizer.register_step_pre_hook(record)
    return gradients


def train_peer(model: stable_baselines3.DDPG, batch: Batch) -> None:
    """Run one update of the peer on `batch`."""
    samples = ReplayBufferSamples(
        batch.observation[0],
        batch.action[0],
        batch.next_observation[0],
        batch.terminated[0],
        batch.reward[0],
    )
    assert model.replay_buffer is not None
    model.replay_buffer.sample = lambda *_, **__: samples
    model.train(gradient_steps=1, batch_size=64)


STOPS = [
    *((stop, "freeze+optimizer") for stop in stop_names(Crossing.UPSTREAM, Effect.PROTECTS)),
    *(("no_grad+optimizer", stop) for stop in stop_names(Crossing.DOWNSTREAM, Effect.PROTECTS)),
]


@pytest.mark.parametrize(("stop", "actor_stop"), STOPS)
def test_one_update_equals_one_of_the_peer(stop, actor_stop):
    model = build_peer()
    agent = build_agent(stop, actor_stop, model)
    before = [p.detach().clone() for p in model.actor.parameters()]
    batch = batches(1)[0]
    metrics = agent.update(batch).metrics()
    train_peer(model, batch)
    logged = model.logger.name_to_value
    assert metrics.critic_loss.item() == pytest.approx(logged["train/critic_loss"], rel=1e-6)
    assert metrics.actor_loss.item() == pytest.approx(logged["train/actor_loss"], rel=1e-6)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.actor.parameters(), strict=True))
    for name, module, other in network_pairs(agent, model):
        for key, left, right in parameter_pairs(module, other):
            assert (left - right).abs().max() < 1e-6, f"{name}.{key}"


def test_the_gradients_equal_those_of_the_peer():
    model = build_peer()
    agent = build_agent("no_grad+optimizer", "freeze+optimizer", model)
    optimizers = {"actor": agent.actor_optimizer, "critic": agent.critic_optimizer}
    gradients = {}
    for name, module, other in network_pairs(agent, model)[:2]:
        own = [p for layer in layers(module) for p in (layer.weight, layer.bias)]
        optimizer = other.optimizer
        assert isinstance(optimizer, torch.optim.Optimizer)
        gradients[name] = (
            record_gradients(optimizers[name], own),
            record_gradients(optimizer, list(other.parameters())),
        )
    batch = batches(1)[0]
    agent.update(batch)
    train_peer(model, batch)
    for name, (own, peer) in gradients.items():
        assert len(own) == len(peer) == 6, name
        for left, right in zip(own, peer, strict=True):
            assert right.abs().max() > 0
            transposed = left[0].T if right.dim() == 2 else left[0, 0]
            assert (transposed - right).abs().max() < 1e-6, name


def test_twenty_updates_equal_those_of_the_peer():
    model = build_peer()
    agent = build_agent("detach", "optimizer", model)
    for batch in batches(20):
        agent.update(batch)
        train_peer(model, batch)
    for name, module, other in network_pairs(agent, model):
        for key, left, right in parameter_pairs(module, other):
            assert (left - right).abs().max() < 1e-4, f"{name}.{key}"
