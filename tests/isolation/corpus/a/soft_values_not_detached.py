"""SAC with a value network: the targets of the value and of the Q functions are not detached.

https://github.com/philtabor/Youtube-Code-Repository/issues/23: anotherkey reports a missing stop on
`value_target = critic_value - log_probs` and on `q_hat = self.scale*reward + self.gamma*value_`.
The value loss reaches critics and actor; the critic loss reaches the target value network.
"""

import copy

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch, value_network

CASE = Case(
    identifier="A9",
    mistake_class="A",
    algorithm="SAC",
    url="https://github.com/philtabor/Youtube-Code-Repository/issues/23",
    expected=(
        Expected(
            "value_update", "critic", "leaked", Grade.NONZERO, "written", entry="= critic(batch"
        ),
        Expected(
            "value_update", "actor", "leaked", Grade.NONZERO, "written", entry="mean = actor("
        ),
        Expected(
            "critic_update",
            "target_value",
            "leaked",
            Grade.NONZERO,
            "written",
            entry="= target_value(batch",
        ),
    ),
)


def agent(detach: bool) -> tuple[Contract, Updates]:
    actor, critic, value = actor_network(), Critic(), value_network()
    target_value = copy.deepcopy(value)
    actor_optimizer = Adam(actor.parameters(), lr=3e-4)
    critic_optimizer = Adam(critic.parameters(), lr=3e-4)
    value_optimizer = Adam(value.parameters(), lr=3e-4)
    batch = random_batch()

    def sample_normal() -> tuple[Tensor, Tensor]:
        mean = actor(batch.states)
        distribution = torch.distributions.Normal(mean, 0.5)
        actions = mean + 0.5 * batch.actions
        return actions, distribution.log_prob(actions.detach()).sum(dim=1, keepdim=True)

    def value_update() -> None:
        actions, log_probs = sample_normal()
        critic_value = critic(batch.states, actions)
        value_target = critic_value - log_probs
        if detach:
            value_target = value_target.detach()
        value_optimizer.zero_grad()
        value_loss = 0.5 * nn.functional.mse_loss(value(batch.states), value_target)
        value_loss.backward(retain_graph=True)
        value_optimizer.step()

    def actor_update() -> None:
        actions, log_probs = sample_normal()
        actor_loss = torch.mean(log_probs - critic(batch.states, actions))
        actor_optimizer.zero_grad()
        actor_loss.backward(retain_graph=True)
        actor_optimizer.step()

    def critic_update() -> None:
        next_value = target_value(batch.next_states) * (1 - batch.terminated)
        q_hat = 2 * batch.rewards + 0.99 * next_value
        if detach:
            q_hat = q_hat.detach()
        critic_optimizer.zero_grad()
        critic_loss = 0.5 * nn.functional.mse_loss(critic(batch.states, batch.actions), q_hat)
        critic_loss.backward()
        critic_optimizer.step()

    contract = Contract(
        modules={"actor": actor, "critic": critic, "value": value, "target_value": target_value},
        optimizers={
            "actor": actor_optimizer,
            "critic": critic_optimizer,
            "value": value_optimizer,
        },
        updates={
            "value_update": trains("value"),
            "actor_update": trains("actor", through="critic"),
            "critic_update": trains("critic"),
            "sync": follows(target_value="value"),
        },
    )
    return contract, {
        "value_update": value_update,
        "actor_update": actor_update,
        "critic_update": critic_update,
        "sync": lambda: polyak(target_value, value, tau=0.005),
    }


def broken() -> tuple[Contract, Updates]:
    return agent(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach=True)
