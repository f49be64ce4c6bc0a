"""Lightning's `toggle_optimizer` trains parameters that the user had frozen.

https://github.com/Lightning-AI/pytorch-lightning/issues/5292: "the requires_grad property is set to
true for all the params belonging to the param_groups of the optimizer", also "in case the user has
explicitly disabled the `requires_grad` property for some parameters permanently".
"""

from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch

CASE = Case(
    identifier="D9",
    mistake_class="D",
    algorithm="GAN",
    url="https://github.com/Lightning-AI/pytorch-lightning/issues/5292",
    expected=(
        Expected("generator_update", "backbone", "leaked", Grade.MOVED, "modes"),
        Expected(
            "generator_update",
            "backbone",
            "leaked",
            Grade.MOVED,
            "moved",
            entry="generator(batch.states)",
        ),
    ),
)


def networks(keep_frozen: bool) -> tuple[Contract, Updates]:
    backbone, head = mlp(STATE, 8, seed=1, output=nn.Tanh()), mlp(8, STATE, seed=2)
    backbone.requires_grad_(False)
    generator = nn.Sequential(backbone, head)
    discriminator = mlp(STATE, 8, 1, seed=3)
    generator_optimizer = Adam(generator.parameters(), lr=2e-4)
    discriminator_optimizer = Adam(discriminator.parameters(), lr=2e-4)
    everything = [*generator.parameters(), *discriminator.parameters()]
    set_by_user = {each: each.requires_grad for each in everything}
    batch = random_batch()

    def switch_on(parameters: list[nn.Parameter]) -> None:
        for each in parameters:
            each.requires_grad = set_by_user[each] if keep_frozen else True

    def toggle_optimizer(optimizer: Optimizer) -> None:
        for each in everything:
            each.requires_grad = False
        switch_on([each for group in optimizer.param_groups for each in group["params"]])

    def step(optimizer: Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        switch_on(everything)

    def generator_update() -> None:
        toggle_optimizer(generator_optimizer)
        step(generator_optimizer, -discriminator(generator(batch.states)).mean())

    def discriminator_update() -> None:
        toggle_optimizer(discriminator_optimizer)
        fake = discriminator(generator(batch.states))
        step(discriminator_optimizer, (fake - discriminator(batch.next_states)).mean())

    contract = Contract(
        modules={"backbone": backbone, "head": head, "discriminator": discriminator},
        optimizers={"generator": generator_optimizer, "discriminator": discriminator_optimizer},
        updates={
            "generator_update": trains("head"),
            "discriminator_update": trains("discriminator"),
        },
        holds={"generator": "backbone"},
    )
    return contract, {
        "generator_update": generator_update,
        "discriminator_update": discriminator_update,
    }


def broken() -> tuple[Contract, Updates]:
    return networks(keep_frozen=False)


def fixed() -> tuple[Contract, Updates]:
    return networks(keep_frozen=True)
