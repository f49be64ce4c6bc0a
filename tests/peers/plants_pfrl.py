"""Small PFRL agents, and context managers that plant leaks in them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from pfrl.agents import DDPG, TD3, SoftActorCritic
from pfrl.explorers import AdditiveGaussian
from pfrl.nn import ConcatObsAndAction
from pfrl.policies import DeterministicHead, GaussianHeadWithDiagonalCovariance
from pfrl.replay_buffers import ReplayBuffer
from torch import nn
from torch.optim import Adam

Agent = Any  # DDPG, TD3 or SoftActorCritic; no common type has all attributes that the leaks need
ALGORITHMS = [DDPG, TD3, SoftActorCritic]


def build_net(inputs: int, outputs: int, norm: bool) -> list[nn.Module]:
    between = [nn.BatchNorm1d(16)] if norm else []
    return [nn.Linear(inputs, 16), *between, nn.Tanh(), nn.Linear(16, outputs)]


def build_critic(norm: bool = False) -> nn.Sequential:
    return nn.Sequential(ConcatObsAndAction(), *build_net(3 + 2, 1, norm))


def build_agent(algorithm: Any = DDPG, norm: bool = False) -> Agent:
    """Return an agent with 80 random transitions in its replay buffer."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"gamma": 0.99, "replay_start_size": 16, "minibatch_size": 16}
    if algorithm is SoftActorCritic:
        head = GaussianHeadWithDiagonalCovariance()
        policy = nn.Sequential(*build_net(3, 4, norm), head)
        settings["entropy_target"] = -2
    else:
        policy = nn.Sequential(*build_net(3, 2, norm), nn.Tanh(), DeterministicHead())
        settings["explorer"] = AdditiveGaussian(scale=0.1, low=-1.0, high=1.0)
    critics = [build_critic(norm) for _ in range(1 if algorithm is DDPG else 2)]
    modules: list[Any] = [policy, *critics]
    optimizers = [Adam(module.parameters(), lr=1e-3) for module in modules]
    if algorithm is DDPG:
        settings |= {"target_update_method": "soft", "target_update_interval": 1}
    arguments: list[Any] = [*modules, *optimizers, random_buffer()]
    agent = algorithm(*arguments, **settings)
    assert agent.training
    return agent


def random_buffer() -> ReplayBuffer:
    random = np.random.default_rng(0)
    buffer = ReplayBuffer(capacity=100)
    for _ in range(80):
        buffer.append(
            state=random.normal(size=3).astype(np.float32),
            action=random.uniform(-1, 1, size=2).astype(np.float32),
            reward=random.normal(),
            next_state=random.normal(size=3).astype(np.float32),
        )
    return buffer


def critics_of(agent: Agent) -> list[str]:
    return [name for name in ("q_function", "q_func1", "q_func2") if hasattr(agent, name)]


@contextmanager
def optimizer_over_everything(agent: Agent) -> Iterator[None]:
    name = "actor_optimizer" if isinstance(agent, DDPG) else "policy_optimizer"
    before = getattr(agent, name)
    models = [agent.policy, *(getattr(agent, critic) for critic in critics_of(agent))]
    parameters = [p for model in models for p in model.parameters()]
    setattr(agent, name, Adam(parameters, lr=1e-3))
    yield
    setattr(agent, name, before)


@contextmanager
def targets_with_graph(agent: Agent) -> Iterator[None]:
    """Compute the bootstrap target without `no_grad`, in networks that require gradients."""
    targets = [getattr(agent, f"target_{name}") for name in critics_of(agent)]
    before = [next(target.parameters()).requires_grad for target in targets]
    name = "compute_critic_loss" if isinstance(agent, DDPG) else "update_q_func"
    train = getattr(agent, name)
    graphs = SimpleNamespace(**{**vars(torch), "no_grad": nullcontext})

    def attached(batch: Any) -> Any:
        with mock.patch.dict(type(agent).update.__globals__, torch=graphs):
            return train(batch)

    for target in targets:
        target.requires_grad_(True)
    with mock.patch.object(agent, name, attached):
        yield
    for target, required in zip(targets, before, strict=True):
        target.requires_grad_(required)


@contextmanager
def critic_as_target(agent: Agent) -> Iterator[None]:
    name = critics_of(agent)[0]
    before = getattr(agent, f"target_{name}")
    setattr(agent, f"target_{name}", getattr(agent, name))
    yield
    setattr(agent, f"target_{name}", before)


@contextmanager
def alias_of_a_replaced_critic(agent: Agent) -> Iterator[None]:
    """Replace DDPG's alias `q_function`; `model`, which is synced, keeps the old one."""
    before = agent.q_function
    agent.q_function = deepcopy(before)
    yield
    agent.q_function = before


@contextmanager
def sampled_actions(agent: Agent) -> Iterator[None]:
    """Draw the actions of the policy's loss by `sample`, which has no graph."""

    def sampled(_policy: Any, _inputs: Any, distribution: Any) -> Any:
        distribution.rsample = distribution.sample
        return distribution

    handle = agent.policy.register_forward_hook(sampled)
    yield
    handle.remove()


@contextmanager
def swapped_targets(agent: Agent) -> Iterator[None]:
    """Average the targets into the trained networks."""
    namespace = type(agent).update.__globals__
    synchronize = namespace["synchronize_parameters"]

    def swapped(src: Any, dst: Any, method: str, tau: float) -> None:
        synchronize(src=dst, dst=src, method=method, tau=tau)

    with mock.patch.dict(namespace, synchronize_parameters=swapped):
        yield


@contextmanager
def temperature_with_graph(agent: Agent) -> Iterator[None]:
    """Use the temperature in the losses without turning it into a number."""
    attached = property(lambda agent: agent.temperature_holder())
    with mock.patch.object(type(agent), "temperature", attached):
        yield
