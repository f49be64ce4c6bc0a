"""Updates with many steps (PPO, several critic updates per actor update), of which one is wrong.

The audit folds the steps that repeat an earlier one. Broken: one of twelve steps leaks.
"""

from functools import partial

import torch

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Example, Expected, Style, Updates

STEPS = 12
WRONG = 7


class Many(ActorCritic):
    def train(self, mistake: str) -> None:
        for step in range(STEPS):
            wrong = mistake if step == WRONG else ""
            if mistake != "never_cleared":
                self.critic_optimizer.zero_grad()
            with torch.set_grad_enabled(wrong == "target_not_detached"):
                actions = self.actor_target(self.next_states)
                target = self.value(self.critic_target, self.next_states, actions)
            error = self.value(self.critic, self.states, self.actions) - self.rewards - target
            error.square().mean().backward()
            self.critic_optimizer.step()
            self.sync()
            if wrong == "written":
                with torch.no_grad():
                    next(self.actor.parameters()).add_(0.1)


def example(mistake: str = "", *, parts: bool = False) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Many()
        pairs = {"critic_target": "critic"}
        whole = trains("critic", follows=pairs, moves="actor_target")
        cut = split(critic=trains("critic"), rest=trains(moves="actor_target", follows=pairs))
        return agent.contract(updates={"train": cut if parts else whole}), {
            "train": partial(agent.train, mistake)
        }

    return build


def style(mistake: str, expected: tuple[Expected, ...], *, parts: bool) -> Style:
    return Style("DDPG", example(parts=parts), example(mistake, parts=parts), expected)


STYLES = {
    f"{name}{'_in_parts' * parts}": style(name, expected, parts=parts)
    for parts in (False, True)
    for row in ("train/critic" if parts else "train",)
    for name, expected in {
        "target_not_detached": tuple(
            Expected(row, module, "leaked", grade, "written")
            for module, grade in (
                ("actor_target", Grade.NONZERO),
                ("critic_target", Grade.NONZERO if parts else Grade.MOVED),  # it follows, too
            )
        ),
        "written": (
            Expected(
                "train/rest" if parts else row, "actor", "moved_by_other", Grade.MOVED, "moved"
            ),
        ),
    }.items()
} | {
    "never_cleared": Style(
        "DDPG", example("never_cleared"), reason="the critic accumulates its own gradients"
    )
}
