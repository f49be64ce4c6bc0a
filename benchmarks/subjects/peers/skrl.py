"""skrl's DDPG with the models of its documentation and its sequential trainer."""

import logging
import tempfile
from typing import Any

import gymnasium
import torch
from skrl import logger
from skrl.agents.torch.ddpg import DDPG, DDPG_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model
from skrl.resources.noises.torch import GaussianNoise
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import Tensor, nn

from benchmarks.workload import ENDLESS, ENVIRONMENT, HALF_RANGE, Workload

_WRITE_INTERVAL = 200
"""skrl's default is a hundredth of a run: here of the 20,000 steps that Pendulum takes."""


class _Actor(DeterministicMixin, Model):
    def __init__(self, hidden: int, **spaces: Any):
        Model.__init__(self, **spaces)
        DeterministicMixin.__init__(self)
        self.net = _layers(3, hidden)

    def compute(self, inputs: dict[str, Any], *_: Any, **__: Any) -> tuple[Tensor, dict[str, Any]]:
        return HALF_RANGE * torch.tanh(self.net(inputs["observations"])), {}


class _Critic(DeterministicMixin, Model):
    def __init__(self, hidden: int, **spaces: Any):
        Model.__init__(self, **spaces)
        DeterministicMixin.__init__(self)
        self.net = _layers(3 + 1, hidden)

    def compute(self, inputs: dict[str, Any], *_: Any, **__: Any) -> tuple[Tensor, dict[str, Any]]:
        return self.net(torch.cat([inputs["observations"], inputs["taken_actions"]], dim=1)), {}


def train(workload: Workload) -> None:
    """Train until the clock ends the run."""
    torch.set_num_threads(workload.threads)
    logger.setLevel(logging.ERROR)
    set_seed(workload.seed)
    env = wrap_env(gymnasium.make(ENVIRONMENT), verbose=False)
    spaces = {
        "observation_space": env.observation_space,
        "action_space": env.action_space,
        "device": "cpu",
    }
    models: dict[str, Any] = {
        "policy": _Actor(workload.hidden, **spaces),
        "target_policy": _Actor(workload.hidden, **spaces),
        "critic": _Critic(workload.hidden, **spaces),
        "target_critic": _Critic(workload.hidden, **spaces),
    }
    settings = DDPG_CFG(
        batch_size=workload.batch,
        discount_factor=workload.gamma,
        polyak=workload.tau,
        learning_rate=workload.learning_rate,
        random_timesteps=workload.random_steps,
        learning_starts=workload.random_steps,
        exploration_noise=GaussianNoise,
        exploration_noise_kwargs={
            "mean": 0.0,
            "std": workload.noise_sigma * HALF_RANGE,
            "device": "cpu",
        },
    )
    settings.experiment.directory = tempfile.mkdtemp()
    settings.experiment.write_interval = _WRITE_INTERVAL
    settings.experiment.checkpoint_interval = 0
    memory = RandomMemory(memory_size=workload.replay_capacity, num_envs=1, device="cpu")
    agent = DDPG(models=models, memory=memory, cfg=settings, **spaces)
    loop = {"timesteps": ENDLESS, "headless": True, "disable_progressbar": True}
    SequentialTrainer(cfg=loop, env=env, agents=agent).train()


def _layers(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )
