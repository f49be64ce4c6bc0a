"""DDPG: algorithm 1 of Lillicrap et al. 2016 (arXiv:1509.02971), for several members at once.

Every tensor is `[member, batch, dim]`. Members are independent agents that share only the matrix
products. A loss is a sum over members, so each member's gradient depends on its own loss alone.
"""

from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ddpg.config.settings import Config
from ddpg.fast.adam import Adam
from ddpg.networks import Actor, Critic
from ddpg.replay import Batch
from ddpg.stops import Crossing, Stop, build


class Metrics(NamedTuple):
    """Metrics of one update, each `[member]`, in the order they are computed."""

    critic_loss: Tensor
    """Equation 4, in squared reward units."""
    q: Tensor
    """Mean of Q(s, a) over the batch."""
    target: Tensor
    """Mean of y over the batch."""
    actor_loss: Tensor
    """−J of equation 6, in reward units."""


class Values(NamedTuple):
    """Action values computed in one update, detached, each `[member, batch, 1]`."""

    q: Tensor
    """Q(s, a)."""
    target: Tensor
    """y of equation 5."""
    policy_q: Tensor
    """Q(s, μ(s)), after the step of the critic."""

    def metrics(self) -> Metrics:
        """Return the metrics; of values `[update, member, batch, 1]`, each `[update, member]`."""
        dims = (-2, -1)
        return Metrics(
            critic_loss=(self.target - self.q).square().mean(dims),
            q=self.q.mean(dims),
            target=self.target.mean(dims),
            actor_loss=-self.policy_q.mean(dims),
        )


class DDPG:
    """Actor μ, critic Q, their targets μ' and Q', and one stop per crossing.

    Args:
        config: all settings.
        observation_dim: width of an observation.
        action_dim: width of an action.
        generators: one per member, for the initial weights.
        device: device of networks and batches.
    """

    def __init__(
        self,
        config: Config,
        observation_dim: int,
        action_dim: int,
        generators: list[Generator],
        device: torch.device,
    ):
        self.config = config
        shape = (generators, observation_dim, action_dim, config.hidden)
        options = config.network_options
        self.actor = Actor(*shape, config.final_bound, **options).to(device)
        self.critic = Critic(*shape, config.action_layer, config.final_bound, **options).to(device)
        self.actor_target = deepcopy(self.actor)
        self.critic_target = deepcopy(self.critic)

        bootstrap_name = "actor" if config.bootstrap_actor == "live" else "actor_target"
        self.bootstrap_actor = self.modules[bootstrap_name]
        names = ("manual_scale", "manual_every", "gradient_clip")
        edits = {name: getattr(config, name) for name in names}
        self.critic_stop = build(
            config.stop,
            Crossing.UPSTREAM,
            trained={"critic": self.critic},
            protected={bootstrap_name: self.bootstrap_actor, "critic_target": self.critic_target},
            **edits,
        )
        self.actor_stop = build(
            config.actor_stop,
            Crossing.DOWNSTREAM,
            trained={"actor": self.actor},
            protected={"critic": self.critic},
            **edits,
        )
        optimizer = {"adam": Adam, "sgd": partial(torch.optim.SGD, fused=True)}[config.optimizer]
        critic_groups = self.critic_stop.parameter_groups(config.critic_weight_decay)
        self.critic_optimizer = optimizer(critic_groups, lr=config.critic_learning_rate)
        actor_groups = self.actor_stop.parameter_groups()
        self.actor_optimizer = optimizer(actor_groups, lr=config.actor_learning_rate)

        self._polyak_average = get_ema_multi_avg_fn(1 - config.tau)
        self._online: list[Tensor] = [*self.critic.parameters(), *self.actor.parameters()]
        targets = (self.critic_target, self.actor_target)
        self._targets: list[Tensor] = [p for module in targets for p in module.parameters()]

    def act(self, observation: Tensor) -> Tensor:
        """Return μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""
        with torch.no_grad():
            return self.actor(observation)

    def value(self, observation: Tensor) -> Tensor:
        """Return Q(s, μ(s)): `[member, batch, observation]` -> `[member, batch, 1]`."""
        with torch.no_grad():
            return self.critic(observation, self.actor(observation))

    def bootstrap(self, next_observation: Tensor) -> Tensor:
        """Return Q'(s', μ'(s')): `[member, batch, observation]` -> `[member, batch, 1]`."""
        return self.critic_target(next_observation, self.bootstrap_actor(next_observation))

    def critic_loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return L = E[(y − Q(s, a))²] with y = r + γ(1 − terminated)·Q'(s', μ'(s')).

        Equations 4 and 5. Returns the loss, summed over members, Q(s, a) and y
        `[member, batch, 1]`.
        """
        bootstrap = self.critic_stop.through(self.bootstrap, batch.next_observation)
        target = batch.reward + self.config.gamma * (1 - batch.terminated) * bootstrap
        q = self.critic(batch.observation, batch.action)
        return mse_loss(q, target, reduction="sum") / q.shape[1], q, target

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return −E[Q(s, μ(s))]; its gradient is −E[∇ₐQ(s, a)|ₐ₌μ(s) ∇μ(s)].

        Equation 6. Returns the loss, summed over members, and Q(s, μ(s)) `[member, batch, 1]`.
        """
        action = self.actor(batch.observation)
        q = self.actor_stop.through(self.critic, batch.observation, action)
        # Divided before the sum: the gradient of a plain sum has stride 0, which bmm copies.
        return (q / -q.shape[1]).sum(), q

    def update_critic(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Take one step down the critic loss; return Q(s, a) and y, detached."""
        loss, q, target = self.critic_loss(batch)
        _descend(self.critic_stop, self.critic_optimizer, loss)
        return q.detach(), target.detach()

    def update_actor(self, batch: Batch) -> Tensor:
        """Take one step down the actor loss; return Q(s, μ(s)), detached."""
        loss, q = self.actor_loss(batch)
        _descend(self.actor_stop, self.actor_optimizer, loss)
        return q.detach()

    def update_targets(self) -> None:
        """Average the targets: θ' ← τθ + (1 − τ)θ'."""
        # The third argument counts averages, which an exponential one does not use.
        self._polyak_average(self._targets, self._online, 0)

    def update(self, batch: Batch) -> Values:
        """Run algorithm 1's inner loop once: critic, actor, targets."""
        q, target = self.update_critic(batch)
        policy_q = self.update_actor(batch)
        self.update_targets()
        return Values(q, target, policy_q)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The four networks, by name."""
        names = ("actor", "critic", "actor_target", "critic_target")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        """Return the states of networks, optimizers and stops."""
        return {name: part.state_dict() for name, part in self._stateful().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        # Optimizers keep the tensors they are given, and two agents must not share moments.
        state = deepcopy(state)
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])

    def _stateful(self) -> dict[str, Any]:
        names = ("critic_optimizer", "actor_optimizer", "critic_stop", "actor_stop")
        return {**self.modules, **{name: getattr(self, name) for name in names}}


def _descend(stop: Stop, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one optimizer step down `loss`, under `stop`."""
    stop.clear_gradients()
    stop.backward(loss)
    stop.edit_gradients()
    optimizer.step()
