"""One clip over the parameters of critic and actor, although each optimizer holds its own alone.

The critic's loss goes through the live actor in the bootstrap and leaves a gradient in it. No step
applies that gradient, but it is in the norm, so it shortens the step of the critic. Clean: the
target is computed under `no_grad`; or each module is clipped alone, which lets a declared gradient
do no harm.
"""

from functools import partial

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Expected, Style, Updates


class Clipping(ActorCritic):
    """Critic update with the live actor in the bootstrap, without a stop."""

    def update(self, *, stops: bool, joint: bool) -> None:
        self.critic_optimizer.zero_grad()
        self.actor_optimizer.zero_grad()
        with torch.set_grad_enabled(not stops):
            next_actions = self.actor(self.next_states)
            bootstrap = self.value(self.critic_target, self.next_states, next_actions)
        target = self.rewards + 0.9 * bootstrap
        values = self.value(self.critic, self.states, self.actions)
        (values - target).square().mean().backward()
        groups = [self.critic, self.actor]
        for clipped in [groups] if joint else [[module] for module in groups]:
            nn.utils.clip_grad_norm_([p for m in clipped for p in m.parameters()], 0.01)
        self.critic_optimizer.step()


def example(*, stops: bool, joint: bool, declared: bool = False) -> tuple[Contract, Updates]:
    agent = Clipping(torch.optim.SGD)
    through = ("actor", "critic_target") if declared else "critic_target"
    permission = trains("critic", through=through)
    contract = agent.contract(updates={"critic_update": permission})
    return contract, {"critic_update": partial(agent.update, stops=stops, joint=joint)}


STYLES = {
    "joint_norm": Style(
        "DDPG",
        partial(example, stops=True, joint=True),
        partial(example, stops=False, joint=True),
        (
            Expected(
                "critic_update", "actor", "leaked", Grade.NONZERO, "written", entry="self.actor("
            ),
        ),
    ),
    "norm_per_module": Style(
        "DDPG",
        partial(example, stops=False, joint=False, declared=True),
        reason="the contract allows the gradient in the actor, and no step or norm uses it",
    ),
}
