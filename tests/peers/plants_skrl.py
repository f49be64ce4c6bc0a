"""Small skrl agents, and context managers that plant leaks in them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import gymnasium
import torch
from skrl import logger
from skrl.agents.torch.ddpg import DDPG
from skrl.agents.torch.sac import SAC
from skrl.agents.torch.td3 import TD3
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
from skrl.resources.noises.torch import GaussianNoise
from skrl.resources.preprocessors.torch import RunningStandardScaler
from torch import Tensor, nn
from torch.optim import Adam

Agent = Any  # DDPG, TD3 or SAC; no common type has all attributes that the leaks need
ALGORITHMS = [DDPG, TD3, SAC]
SPACES: dict[str, Any] = {
    "observation_space": gymnasium.spaces.Box(-1.0, 1.0, (3,)),
    "action_space": gymnasium.spaces.Box(-1.0, 1.0, (2,)),
    "device": "cpu",
}
Outputs = tuple[Tensor, dict[str, Any]]


def build_net(inputs: int, outputs: int, norm: bool) -> nn.Sequential:
    between = [nn.BatchNorm1d(16)] if norm else []
    return nn.Sequential(nn.Linear(inputs, 16), *between, nn.Tanh(), nn.Linear(16, outputs))


class Policy(DeterministicMixin, Model):
    def __init__(self, norm: bool) -> None:
        Model.__init__(self, **SPACES)
        DeterministicMixin.__init__(self)
        self.net = build_net(3, 2, norm)

    def compute(self, inputs: dict[str, Any], *_: Any, **__: Any) -> Outputs:
        return torch.tanh(self.net(inputs["observations"])), {}


class StochasticPolicy(GaussianMixin, Model):
    def __init__(self, norm: bool) -> None:
        Model.__init__(self, **SPACES)
        GaussianMixin.__init__(self)
        self.net = build_net(3, 4, norm)

    def compute(self, inputs: dict[str, Any], *_: Any, **__: Any) -> Outputs:
        mean, log_std = self.net(inputs["observations"]).chunk(2, dim=-1)
        return mean, {"log_std": log_std}


class Critic(DeterministicMixin, Model):
    def __init__(self, norm: bool = False) -> None:
        Model.__init__(self, **SPACES)
        DeterministicMixin.__init__(self)
        self.net = build_net(3 + 2, 1, norm)

    def compute(self, inputs: dict[str, Any], *_: Any, **__: Any) -> Outputs:
        return self.net(torch.cat([inputs["observations"], inputs["taken_actions"]], dim=1)), {}


def build_agent(algorithm: Any = DDPG, norm: bool = False, **settings: Any) -> Agent:
    """Return an agent with 80 random transitions in its memory."""
    torch.manual_seed(0)
    logger.setLevel("ERROR")
    noise = {"mean": 0.0, "std": 0.1, "device": "cpu"}
    critics = ["critic"] if algorithm is DDPG else ["critic_1", "critic_2"]
    models: dict[str, Model] = {
        name: Critic(norm) for each in critics for name in (each, f"target_{each}")
    }
    if algorithm is SAC:
        models["policy"] = StochasticPolicy(norm)
    else:
        models |= {"policy": Policy(norm), "target_policy": Policy(norm)}
        settings |= {"exploration_noise": GaussianNoise, "exploration_noise_kwargs": noise}
    if algorithm is TD3:
        settings |= {
            "smooth_regularization_noise": GaussianNoise,
            "smooth_regularization_noise_kwargs": noise,
        }
    memory: Any = RandomMemory(memory_size=80, device="cpu")  # its annotations ask for dicts
    agent = algorithm(models=models, memory=memory, cfg={"batch_size": 16, **settings}, **SPACES)
    agent.write_interval = agent.checkpoint_interval = 0
    agent.init()
    for _ in range(80):
        memory.add_samples(
            observations=torch.randn(1, 3),
            next_observations=torch.randn(1, 3),
            states=None,
            next_states=None,
            actions=torch.rand(1, 2) * 2 - 1,
            rewards=torch.randn(1, 1),
            terminated=torch.zeros(1, 1, dtype=torch.bool),
        )
    return agent


def with_scaler() -> Agent:
    """Return an agent that normalises its observations by running statistics."""
    space = SPACES["observation_space"]
    return build_agent(
        observation_preprocessor=RunningStandardScaler,
        observation_preprocessor_kwargs={"size": space, "device": "cpu"},
    )


def critics_of(agent: Agent) -> list[str]:
    return [name for name in ("critic", "critic_1", "critic_2") if hasattr(agent, name)]


@contextmanager
def optimizer_over_everything(agent: Agent) -> Iterator[None]:
    before = agent.policy_optimizer
    models = [agent.policy, *(getattr(agent, name) for name in critics_of(agent))]
    agent.policy_optimizer = Adam([p for model in models for p in model.parameters()], lr=1e-3)
    yield
    agent.policy_optimizer = before


@contextmanager
def targets_with_graph(agent: Agent, *, frozen: bool) -> Iterator[None]:
    """Compute the bootstrap target without `no_grad`, in networks that are frozen or not."""
    targets = [model for name, model in agent.models.items() if name.startswith("target_")]
    source = type(agent).update.__globals__
    graphs = SimpleNamespace(**{**vars(torch), "no_grad": nullcontext})
    for target in targets:
        target.freeze_parameters(frozen)
    with mock.patch.dict(source, torch=graphs):
        yield
    for target in targets:
        target.freeze_parameters(True)


@contextmanager
def critic_as_target(agent: Agent) -> Iterator[None]:
    name = f"target_{critics_of(agent)[0]}"
    before = getattr(agent, name)
    setattr(agent, name, getattr(agent, critics_of(agent)[0]))
    yield
    setattr(agent, name, before)


@contextmanager
def replaced_critic(agent: Agent, consistent: bool) -> Iterator[None]:
    """Replace the critic; if `consistent`, also its optimizer."""
    critic, optimizer = agent.critic, agent.critic_optimizer
    agent.critic = Critic()
    if consistent:
        agent.critic_optimizer = Adam(agent.critic.parameters(), lr=1e-3)
    yield
    agent.critic, agent.critic_optimizer = critic, optimizer


@contextmanager
def swapped_targets() -> Iterator[None]:
    """Average the targets into the trained networks."""

    def into_source(target: Model, source: Any, *, polyak: float = 1.0) -> None:
        with torch.no_grad():
            for own, other in zip(source.parameters(), target.parameters(), strict=True):
                own.data.lerp_(other.data, polyak)

    with mock.patch.object(Model, "update_parameters", into_source):
        yield


@contextmanager
def forgotten_sync() -> Iterator[None]:
    with mock.patch.object(Model, "update_parameters"):
        yield
