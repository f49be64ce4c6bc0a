"""A2C whose tied encoder becomes two encoders after `load_state_dict(assign=True)`.

https://github.com/pytorch/pytorch/issues/188346: with `assign`, every name gets its own Parameter,
so two names of one tied Parameter "stop aliasing" (Sunt-ing). Copying keeps the tie. The checkpoint
here has one tensor per name, as safetensors and most file formats do.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="H9",
    mistake_class="H",
    algorithm="A2C",
    url="https://github.com/pytorch/pytorch/issues/188346",
    expected=(Expected("setup", "critic", "starved", Grade.NOTHING, "aliasing"),),
)


class Head(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder = mlp(STATE, 8, output=nn.Tanh())
        self.head = nn.Linear(8, outputs)

    def forward(self, states: Tensor) -> Tensor:
        return self.head(self.encoder(states))


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.actor, self.critic = Head(CHOICES), Head(1)
        self.critic.encoder[0].weight = self.actor.encoder[0].weight
        self.critic.encoder[0].bias = self.actor.encoder[0].bias


def checkpoint() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: tensor.clone() for name, tensor in ActorCritic().state_dict().items()}


def contract_and_updates(model: ActorCritic) -> tuple[Contract, Updates]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)

    def learn() -> None:
        batch = random_batch()
        values = model.critic(batch.states)
        advantage = (batch.rewards - values).detach().squeeze(-1)
        log_p = Categorical(logits=model.actor(batch.states)).log_prob(batch.choices.squeeze(-1))
        loss = (values - batch.rewards).pow(2).mean() - (log_p * advantage).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={
            "encoder": model.actor.encoder,
            "actor": model.actor,
            "critic": model.critic,
        },
        shared={"encoder": ("actor", "critic")},
        optimizers={"optimizer": optimizer},
        updates={"learn": trains("actor", "critic", "encoder")},
    )
    return contract, {"learn": learn}


def broken() -> tuple[Contract, Updates]:
    model = ActorCritic()
    model.load_state_dict(checkpoint(), assign=True)
    return contract_and_updates(model)


def fixed() -> tuple[Contract, Updates]:
    model = ActorCritic()
    model.load_state_dict(checkpoint())
    return contract_and_updates(model)
