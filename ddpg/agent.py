"""DDPG: algorithm 1 of Lillicrap et al. 2016 (arXiv:1509.02971), for several members at once.

Every tensor is `[member, batch, dim]`. The members are independent agents that share nothing but
the matrix products that they ride in: a loss is a sum over members, so no member's gradient holds
anything of another's.
"""

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ddpg.config.settings import Config
from ddpg.fast.adam import Adam
from ddpg.fast.compiled import CompiledPart, Part, in_one_order
from ddpg.networks import Actor, Critic
from ddpg.replay import Batch
from ddpg.stops import Crossing, Stop, build


class Metrics(NamedTuple):
    """What one update tells, each `[member]`, in the order in which it comes about."""

    critic_loss: Tensor
    """Equation 5, in squared reward units."""
    q: Tensor
    """Mean of Q(s, a) over the batch."""
    target: Tensor
    """Mean of y over the batch."""
    actor_loss: Tensor
    """−J of equation 6, in reward units."""


class Values(NamedTuple):
    """The action values that one update saw, detached, each `[member, batch, 1]`."""

    q: Tensor
    """Q(s, a)."""
    target: Tensor
    """y of equation 4."""
    policy_q: Tensor
    """Q(s, μ(s)), after the step of the critic."""

    def metrics(self) -> Metrics:
        """What they come to; with the values of several updates, `[update, ...]`, that of each."""
        over = (-2, -1)
        return Metrics(
            critic_loss=(self.target - self.q).square().mean(over),
            q=self.q.mean(over),
            target=self.target.mean(over),
            actor_loss=-self.policy_q.mean(over),
        )


class DDPG:
    """Actor μ, critic Q, their targets μ' and Q', and one stop at each crossing.

    Args:
        config: all settings.
        observation_dim: width of an observation.
        action_dim: width of an action.
        generators: one a member, for the initial weights.
        device: where networks and batches live.
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
        # As tensors: a number in an operation becomes one first, which takes as long.
        self._gamma, self._one = torch.tensor([config.gamma, 1.0], device=device).unbind()
        shape = (generators, observation_dim, action_dim, config.hidden)
        self.actor = Actor(*shape, config.final_bound).to(device)
        self.critic = Critic(*shape, config.action_layer, config.final_bound).to(device)
        self.actor_target = deepcopy(self.actor)
        self.critic_target = deepcopy(self.critic)

        bootstrap_name = "actor" if config.bootstrap_actor == "live" else "actor_target"
        self.bootstrap_actor = self.modules[bootstrap_name]
        self.critic_stop = build(
            config.stop,
            Crossing.UPSTREAM,
            trained={"critic": self.critic},
            protected={bootstrap_name: self.bootstrap_actor, "critic_target": self.critic_target},
            manual_scale=config.manual_scale,
            manual_every=config.manual_every,
        )
        self.actor_stop = build(
            config.actor_stop,
            Crossing.DOWNSTREAM,
            trained={"actor": self.actor},
            protected={"critic": self.critic},
            manual_scale=config.manual_scale,
            manual_every=config.manual_every,
        )
        self.critic_optimizer = _optimizer(
            config.optimizer,
            self.critic_stop,
            config.critic_learning_rate,
            config.critic_weight_decay,
        )
        self.actor_optimizer = _optimizer(
            config.optimizer, self.actor_stop, config.actor_learning_rate
        )
        self._polyak_average = get_ema_multi_avg_fn(1 - config.tau)
        self._online: list[Tensor] = [*self.critic.parameters(), *self.actor.parameters()]
        self._targets: list[Tensor] = [
            *self.critic_target.parameters(),
            *self.actor_target.parameters(),
        ]
        self._critic_part: Part = self.update_critic
        self._actor_part: Part = self._update_actor_and_targets
        if config.compile:
            self._critic_part = CompiledPart(self.critic_stop, self._critic_part)
            self._actor_part = CompiledPart(self.actor_stop, self._actor_part)

    def act(self, observation: Tensor) -> Tensor:
        """μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""
        with torch.no_grad():
            return self.actor(observation)

    def value(self, observation: Tensor) -> Tensor:
        """Q(s, μ(s)): `[member, batch, observation]` -> `[member, batch, 1]`."""
        with torch.no_grad():
            return self.critic(observation, self.actor(observation))

    def bootstrap(self, next_observation: Tensor) -> Tensor:
        """Q'(s', μ'(s')): `[member, batch, observation]` -> `[member, batch, 1]`."""
        return self.critic_target(next_observation, self.bootstrap_actor(next_observation))

    def critic_loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Equations 4 and 5: L = E[(y − Q(s, a))²] with y = r + γ(1 − terminated)·Q'(s', μ'(s')).

        Returns:
            The loss, a scalar: the sum of the members'. And Q(s, a) and y `[member, batch, 1]`.
        """
        bootstrap = self.critic_stop.through(self.bootstrap, batch.next_observation)
        target = batch.reward + self._gamma * (self._one - batch.terminated) * bootstrap
        q = self.critic(batch.observation, batch.action)
        return mse_loss(q, target, reduction="sum") / q.shape[1], q, target

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Equation 6: ∇J = E[∇ₐQ(s, a)|ₐ₌μ(s) ∇μ(s)], so the loss to descend is −E[Q(s, μ(s))].

        Returns:
            The loss, a scalar: the sum of the members'. And Q(s, μ(s)) `[member, batch, 1]`.
        """
        action = self.actor(batch.observation)
        q = self.actor_stop.through(self.critic, batch.observation, action)
        # Divided, then summed: the gradient of a sum has strides of 0, and a product copies it.
        return (q / -q.shape[1]).sum(), q

    def update_critic(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """One step down the critic loss.

        Returns:
            Q(s, a) and y, each `[member, batch, 1]`, detached.
        """
        loss, q, target = self.critic_loss(batch)
        _descend(self.critic_stop, self.critic_optimizer, loss)
        return q.detach(), target.detach()

    def update_actor(self, batch: Batch) -> Tensor:
        """One step down the actor loss; returns Q(s, μ(s)) `[member, batch, 1]`, detached."""
        loss, q = self.actor_loss(batch)
        _descend(self.actor_stop, self.actor_optimizer, loss)
        return q.detach()

    def update_targets(self) -> None:
        """Polyak averaging: θ' ← τθ + (1 − τ)θ'."""
        # The third argument counts averages, which an exponential one has no use for.
        self._polyak_average(self._targets, self._online, 0)

    def update(self, batch: Batch) -> Values:
        """One pass of algorithm 1's inner loop: critic, actor, targets."""
        if self.config.compile:
            batch = in_one_order(batch)
        q, target = self._critic_part(batch)
        (policy_q,) = self._actor_part(batch)
        return Values(q, target, policy_q)

    @property
    def compiles_next(self) -> bool:
        """Whether the coming update is compiled first, which takes a while."""
        return isinstance(self._actor_part, CompiledPart) and not self._actor_part.is_compiled

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The four networks, by name."""
        return {
            "actor": self.actor,
            "critic": self.critic,
            "actor_target": self.actor_target,
            "critic_target": self.critic_target,
        }

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimizers and what the stops count."""
        return {
            **{name: module.state_dict() for name, module in self.modules.items()},
            **{name: part.state_dict() for name, part in self._stateful().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned."""
        # An optimizer takes the tensors of a state as they are; two agents must not share moments.
        state = deepcopy(state)
        for name, part in {**self.modules, **self._stateful()}.items():
            part.load_state_dict(state[name])

    def _update_actor_and_targets(self, batch: Batch) -> tuple[Tensor]:
        policy_q = self.update_actor(batch)
        self.update_targets()
        return (policy_q,)

    def _stateful(self) -> dict[str, Any]:
        return {
            "critic_optimizer": self.critic_optimizer,
            "actor_optimizer": self.actor_optimizer,
            "critic_stop": self.critic_stop,
            "actor_stop": self.actor_stop,
        }


def _descend(stop: Stop, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One optimizer step down `loss`, under `stop`."""
    stop.clear_gradients()
    stop.backward(loss)
    stop.edit_gradients()
    optimizer.step()


def _optimizer(
    name: str, stop: Stop, learning_rate: float, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """The optimizer `name` over what the stop lets it hold; only the trained module decays.

    A protected parameter whose gradient is a zero would be moved by weight decay all the same.
    """
    trained = set(stop.trained_parameters)
    groups = [
        {"params": [p for p in stop.parameters() if p in trained], "weight_decay": weight_decay},
        {"params": [p for p in stop.parameters() if p not in trained]},
    ]
    groups = [group for group in groups if group["params"]]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, fused=True)
    return Adam(groups, learning_rate)
