"""A2C's critic is trained through its own bootstrap values.

https://github.com/Farama-Foundation/Gymnasium/issues/1494, about Gymnasium's own tutorial: "the
critic loss backpropagates through the GAE computation itself (i.e., through value_preds[t] and
value_preds[t+1] inside td_error and the recursion)". The same network is trained and bootstrapped
from, so the contract names the bootstrap values as a term that trains nothing.
"""

import torch
from torch import Tensor
from torch.optim import RMSprop

from ddpg.isolation import Contract, Grade, nothing, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="A10",
    mistake_class="A",
    algorithm="A2C with GAE",
    url="https://github.com/Farama-Foundation/Gymnasium/issues/1494",
    expected=(
        Expected(
            "update_critic",
            "critic",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="bootstrap",
            entry="value_preds = critic(",
        ),
    ),
)


def agent(detach: bool) -> tuple[Contract, Updates]:
    actor, critic = q_network(), value_network()
    actor_optimizer = RMSprop(actor.parameters(), lr=1e-3)
    critic_optimizer = RMSprop(critic.parameters(), lr=5e-3)
    batch = random_batch()

    def generalised_advantages(value_preds: Tensor) -> Tensor:
        advantages, gae = [], torch.zeros(1)
        for t in reversed(range(len(batch.rewards) - 1)):
            bootstrap = value_preds[t + 1].detach() if detach else value_preds[t + 1]
            bootstrap = term("bootstrap", bootstrap)
            mask = 1 - batch.terminated[t]
            td_error = batch.rewards[t] + 0.99 * mask * bootstrap - value_preds[t]
            gae = td_error + 0.99 * 0.95 * mask * (gae.detach() if detach else gae)
            advantages.insert(0, gae)
        return torch.stack(advantages)

    def update_critic() -> None:
        value_preds = critic(batch.states)
        critic_loss = generalised_advantages(value_preds).pow(2).mean()
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

    def update_actor() -> None:
        with torch.no_grad():
            advantages = generalised_advantages(critic(batch.states))
        distribution = torch.distributions.Categorical(logits=actor(batch.states[:-1]))
        log_probs = distribution.log_prob(batch.choices[:-1].squeeze(-1)).unsqueeze(-1)
        actor_loss = -(advantages * log_probs).mean() - 0.01 * distribution.entropy().mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"actor": actor, "critic": critic},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "update_critic": trains("critic", terms={"bootstrap": nothing()}),
            "update_actor": trains("actor"),
        },
    )
    return contract, {"update_critic": update_critic, "update_actor": update_actor}


def broken() -> tuple[Contract, Updates]:
    return agent(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach=True)
