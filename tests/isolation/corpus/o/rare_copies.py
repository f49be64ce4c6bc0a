"""A target that is copied in every n-th run (DQN), with the copy in different places of the call.

The copy is compared with the network at that moment. Broken: the copy goes the wrong way, or skips
a layer.
"""

from functools import partial

from ddpg.isolation import Contract, Grade, follows, split, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Expected, Style, Updates


class Copied(ActorCritic):
    def __init__(self, every: int) -> None:
        super().__init__()
        self.every, self.runs = every, 0

    def copy(self, *, whole: bool) -> None:
        state = self.critic.state_dict()
        if not whole:
            state = {name: value for name, value in state.items() if name.startswith("0.")}
        self.critic_target.load_state_dict(state, strict=whole)

    def copy_sometimes(self, *, whole: bool) -> None:
        self.runs += 1
        if self.runs % self.every == 0:
            self.copy(whole=whole)

    def train_and_copy(self, *, whole: bool) -> None:
        self.critic_update()
        self.copy_sometimes(whole=whole)

    def copy_and_train(self, *, whole: bool) -> None:
        self.copy_sometimes(whole=whole)
        self.critic_update()

    def train_ten_times(self, *, whole: bool) -> None:
        for step in range(10):
            self.critic_update()
            if step % 4 == 1:
                self.copy(whole=whole)


def separate(every: int, *, whole: bool) -> tuple[Contract, Updates]:
    agent = Copied(every)
    updates = {"critic_update": trains("critic"), "sync": follows(critic_target="critic")}
    return agent.contract(updates=updates, restores=[agent]), {
        "critic_update": agent.critic_update,
        "sync": partial(agent.copy_sometimes, whole=whole),
    }


def in_one_call(method: str, every: int, *, whole: bool) -> tuple[Contract, Updates]:
    agent = Copied(every)
    parts = split(critic=trains("critic"), rest=follows(critic_target="critic"))
    contract = agent.contract(updates={"train": parts}, restores=[agent])
    return contract, {"train": partial(getattr(agent, method), whole=whole)}


def unsplit(every: int, *, whole: bool) -> tuple[Contract, Updates]:
    agent = Copied(every)
    train = trains("critic", follows={"critic_target": "critic"})
    contract = agent.contract(updates={"train": train}, restores=[agent])
    return contract, {"train": partial(agent.copy_and_train, whole=whole)}


def expected(update: str) -> tuple[Expected, ...]:
    return (Expected(update, "critic_target", "starved", Grade.MOVED, "moved"),)


STYLES = {
    **{
        f"separate_{every}": Style(
            "DQN",
            partial(separate, every, whole=True),
            partial(separate, every, whole=False),
            expected("sync"),
        )
        for every in (3, 10)
    },
    **{
        f"{method}_{every}": Style(
            "DQN",
            partial(in_one_call, method, every, whole=True),
            partial(in_one_call, method, every, whole=False),
            expected("train/rest"),
        )
        for method, every in (
            ("train_and_copy", 3),
            ("copy_and_train", 3),
            ("train_ten_times", 1),
        )
    },
    "unsplit_5": Style(
        "DQN", partial(unsplit, 5, whole=True), partial(unsplit, 5, whole=False), expected("train")
    ),
}
