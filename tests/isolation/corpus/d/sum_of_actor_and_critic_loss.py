"""One backward pass for the sum of actor and critic loss, then both optimizers step.

https://github.com/facebookresearch/Pearl/commit/c1896909eeccfba8c97c9a0d4f6cde1526acd858: "partial
derivative of actor loss w.r.t. critic parameters should not be used". The sum was introduced to
avoid an error of a second backward pass through the history's LSTM.
"""

import torch
from torch import nn
from torch.optim import AdamW

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, Critic, actor_network, random_batch

CASE = Case(
    identifier="D2",
    mistake_class="D",
    algorithm="DDPG and TD3",
    url="https://github.com/facebookresearch/Pearl/commit/c1896909eeccfba8c97c9a0d4f6cde1526acd858",
    expected=(
        Expected(
            "learn_batch",
            "critic",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="actor_loss",
            entry="-critic(states, actor(states))",
        ),
    ),
)


def agent(separate: bool) -> tuple[Contract, Updates]:
    actor, critic = actor_network(), Critic()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        history = nn.LSTM(STATE, STATE, batch_first=True)
    actor_optimizer = AdamW(actor.parameters(), lr=1e-3)
    critic_optimizer = AdamW(critic.parameters(), lr=1e-3)
    history_optimizer = AdamW(history.parameters(), lr=1e-3)
    batch = random_batch()

    def learn_batch() -> None:
        sequence, _ = history(batch.states.unsqueeze(0))
        states = sequence.squeeze(0)
        q = critic(states, batch.actions)
        critic_loss = term("critic_loss", nn.functional.mse_loss(q, batch.rewards))
        actor_loss = term("actor_loss", -critic(states, actor(states)).mean())

        actor_optimizer.zero_grad()
        critic_optimizer.zero_grad()
        history_optimizer.zero_grad()
        if separate:
            actor_loss.backward(retain_graph=True)
            critic_optimizer.zero_grad()
            critic_loss.backward()
        else:
            (actor_loss + critic_loss).backward()
        actor_optimizer.step()
        critic_optimizer.step()
        history_optimizer.step()

    contract = Contract(
        modules={"actor": actor, "critic": critic, "history": history},
        optimizers={
            "actor": actor_optimizer,
            "critic": critic_optimizer,
            "history": history_optimizer,
        },
        updates={
            "learn_batch": trains(
                "actor",
                "critic",
                "history",
                terms={
                    "actor_loss": trains("actor", "history", through="critic"),
                    "critic_loss": trains("critic", "history"),
                },
            )
        },
    )
    return contract, {"learn_batch": learn_batch}


def broken() -> tuple[Contract, Updates]:
    return agent(separate=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(separate=True)
