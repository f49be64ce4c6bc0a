"""An actor that is trained in every n-th run (TD3), after a critic without zero_grad.

The gradient that the actor's loss leaves in the critic is applied one run later, so an audit of two
rounds misses it if n is 2. Clean: the critic's update clears its gradients.
"""

from functools import partial

from ddpg.isolation import Contract, Grade, follows, split, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Expected, Style, Updates


class Delayed(ActorCritic):
    def __init__(self, delay: int) -> None:
        super().__init__()
        self.delay, self.runs = delay, 0

    def train(self, *, clears: bool) -> None:
        self.runs += 1
        if clears:
            self.critic_optimizer.zero_grad()
        self.critic_loss().backward()
        self.critic_optimizer.step()
        if self.runs % self.delay == 0:
            self.actor_update()
            self.sync()

    def critic_update_alone(self, *, clears: bool) -> None:
        self.runs += 1
        if clears:
            self.critic_optimizer.zero_grad()
        self.critic_loss().backward()
        self.critic_optimizer.step()

    def actor_update_alone(self) -> None:
        if self.runs % self.delay == 0:
            self.actor_update()


def one_call(delay: int, *, clears: bool) -> tuple[Contract, Updates]:
    agent = Delayed(delay)
    parts = split(
        critic=trains("critic"),
        actor=trains("actor", through="critic"),
        rest=follows(actor_target="actor", critic_target="critic"),
    )
    contract = agent.contract(updates={"train": parts}, restores=[agent])
    return contract, {"train": partial(agent.train, clears=clears)}


def two_calls(delay: int, *, clears: bool) -> tuple[Contract, Updates]:
    agent = Delayed(delay)
    updates = {"critic_update": trains("critic"), "actor_update": trains("actor", through="critic")}
    contract = agent.contract(updates=updates, restores=[agent])
    return contract, {
        "critic_update": partial(agent.critic_update_alone, clears=clears),
        "actor_update": agent.actor_update_alone,
    }


def expected(update: str) -> tuple[Expected, ...]:
    return (Expected(update, "critic", "leaked", Grade.MOVED, "moved", entry="self.value("),)


STYLES = {
    f"{example.__name__}_{delay}": Style(
        "TD3",
        partial(example, delay, clears=True),
        partial(example, delay, clears=False),
        expected(update),
    )
    for example, update, delay in (
        (one_call, "train/actor", 2),
        (one_call, "train/actor", 5),
        (two_calls, "actor_update", 3),
    )
}
