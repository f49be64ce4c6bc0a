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

    def step(self, loss: Tensor) -> None:
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()


def example(name: str, *modules: str) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Agent()
        contract = agent.contract(updates={"update": trains(*modules)})
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
    "attribute_of_a_function": Style(
        "DDPG",
        example("attribute_of_a_function", "critic"),
        reason="not seen: autograd knows only the tensors in save_for_backward",
    ),
}
