"""Mistakes that an audit of paths cannot see. Each example is expected to be clean.

`docs/audit.md` lists them under Limits, with a way to see some of them.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from ddpg.isolation import Contract, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Example, Style, Updates


class Square(torch.autograd.Function):
    """Keeps its input as an attribute instead of by `save_for_backward`: no check of versions."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.value = value
        return value * value

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return 2 * ctx.value * gradients[0]


class Agent(ActorCritic):
    calls = 0

    def bootstrap_through_itself(self) -> None:
        following = self.value(self.critic, self.next_states, self.actions)
        error = self.value(self.critic, self.states, self.actions) - self.rewards - 0.9 * following
        self.step(error.square().mean())

    def joint_loss(self) -> None:
        """The actor's loss trains the critic, too, in one backward pass for the sum."""
        self.actor_optimizer.zero_grad()
        self.step(self.critic_loss() + self.actor_loss())
        self.actor_optimizer.step()

    def attribute_of_a_function(self) -> None:
        first = next(self.critic.parameters())
        penalty = Square.apply(first).sum()
        self.step(self.critic_loss())
        self.step(penalty)

    def gradient_at_the_replayed_action(self) -> None:
        """The policy gradient takes dQ/da where the actor is not."""
        actions = self.actor(self.states)
        replayed = self.actions.clone().requires_grad_()
        values = self.value(self.critic, self.states, replayed)
        (direction,) = torch.autograd.grad(values.sum(), replayed)
        self.actor_optimizer.zero_grad()
        actions.backward(-direction)
        self.actor_optimizer.step()

    def rare_step(self) -> None:
        """In every eighth call, the critic's optimizer applies what the actor's losses left."""
        self.calls += 1
        self.actor_update()
        if self.calls % 8 == 0:
            self.critic_optimizer.step()

    def step(self, loss: Tensor) -> None:
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()


def example(name: str, *modules: str, through: str = "") -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Agent()
        permission = trains(*modules, through=[through] if through else ())
        contract = agent.contract(updates={"update": permission}, restores=[agent])
        return contract, {"update": partial(getattr(agent, name))}

    return build


STYLES = {
    "bootstrap_through_itself": Style(
        "DQN",
        example("bootstrap_through_itself", "critic"),
        reason="not seen: the critic is the trained module, on both sides of the equation",
    ),
    "joint_loss_without_terms": Style(
        "DDPG",
        example("joint_loss", "critic", "actor"),
        reason="not seen: one backward pass has one gradient per parameter",
    ),
    "gradient_at_the_replayed_action": Style(
        "recommender with DDPG",
        example("gradient_at_the_replayed_action", "actor"),
        reason="not seen: the right modules are reached, written and moved",
    ),
    "rare_step": Style(
        "DDPG",
        example("rare_step", "actor", through="critic"),
        reason="not seen: no part trains the critic, so two rounds show every part twice",
    ),
    "attribute_of_a_function": Style(
        "DDPG",
        example("attribute_of_a_function", "critic"),
        reason="not seen: autograd knows only the tensors in save_for_backward",
    ),
}
