"""Schedule of the updates: their number per environment step, their parts, and learning rates."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpg.agent import DDPG, Values
from ddpg.config.settings import Config
from ddpg.fast.adam import Adam
from ddpg.replay import Batch


def updates_between(config: Config, first: int, last: int) -> int:
    """Return the number of updates after environment step `first`, up to `last`."""
    first, last = max(first, config.random_steps), max(last, config.random_steps)
    return config.updates_per_step * (last // config.update_every - first // config.update_every)


def most_updates(config: Config) -> int:
    """Return an upper bound of the updates in one period of the log."""
    steps = min(config.log_every, config.steps)
    return config.updates_per_step * -(-steps // config.update_every)


def step_of(config: Config, step: int, later: int) -> int:
    """Return the environment step of an update.

    Args:
        config: all settings.
        step: environment step at present.
        later: number of updates after that update, up to `step`.
    """
    last = step - step % config.update_every
    return last - config.update_every * (later // config.updates_per_step)


def set_learning_rates(agent: DDPG) -> None:
    """Set the learning rates of the settings: a resumed run may have others than its optimizers."""
    for optimizer, rate in (
        (agent.critic_optimizer, agent.config.critic_learning_rate),
        (agent.actor_optimizer, agent.config.actor_learning_rate),
    ):
        for group in optimizer.param_groups:
            group["lr"] = rate


@dataclass
class UpdateSchedule:
    """Run of one update, with its learning rates, and with the actor where it is due."""

    agent: DDPG
    update: Callable[[Batch], Values]
    """Critic, actor and targets."""
    update_critic: Callable[[Batch], tuple[Tensor, Tensor]]

    def run(self, batch: Batch, update: int) -> Values:
        """Run update number `update`, from 0; without the actor's, Q(s, μ(s)) is only computed."""
        if update % self.agent.config.actor_every == 0:
            return self.update(batch)
        q, target = self.update_critic(batch)
        return Values(q, target, self.agent.value(batch.observation))

    def set_learning_rates(self, step: int) -> None:
        """Set the learning rates of environment step `step`."""
        config, agent = self.agent.config, self.agent
        if config.learning_rate_steps:
            progress = min(step / config.learning_rate_steps, 1)
            factor = 1 + (config.learning_rate_final - 1) * progress
            _set_rate(agent.critic_optimizer, config.critic_learning_rate * factor)
            _set_rate(agent.actor_optimizer, config.actor_learning_rate * factor)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    if isinstance(optimizer, Adam):
        optimizer.set_rate(rate)
        return
    for group in optimizer.param_groups:
        group["lr"] = rate
