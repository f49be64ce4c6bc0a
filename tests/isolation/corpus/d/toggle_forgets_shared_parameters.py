"""Lightning's `toggle_optimizer` leaves shared parameters frozen.

https://github.com/Lightning-AI/pytorch-lightning/pull/5775: with three optimizers of which two
share parameters, "by setting `param.requires_grad = False` with first optimizer, the second one
will override the state and we lose the information". After the first update the encoder shared by
the two discriminators stays frozen and no longer trains.
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
    url="https://github.com/Lightning-AI/pytorch-lightning/pull/5775",
    expected=(
        Expected("generator_update", "encoder", "leaked", Grade.NOTHING, "modes"),
        Expected("first_update", "encoder", "starved", Grade.NOTHING, "reached"),
        Expected("second_update", "encoder", "starved", Grade.NOTHING, "reached"),
    ),
)


class Trainer:
    """`toggle_optimizer` and `untoggle_optimizer`, before (`remember=False`) and after the fix."""

    def __init__(self, optimizers: list[Optimizer], remember: bool) -> None:
        self.optimizers = optimizers
        self.remember = remember
        self.state: dict[nn.Parameter, bool] = {}

    def toggle(self, optimizer: Optimizer) -> None:
        others = [each for each in self.optimizers if each is not optimizer]
        self.state = {}
        for parameter in (each for other in others for each in parameters_of(other)):
            if not (self.remember and parameter in self.state):
                self.state[parameter] = parameter.requires_grad
            parameter.requires_grad = False
        for parameter in parameters_of(optimizer):
            parameter.requires_grad = self.state.get(parameter, parameter.requires_grad)

    def untoggle(self) -> None:
        for parameter, requires_grad in self.state.items():
            parameter.requires_grad = requires_grad


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    return [each for group in optimizer.param_groups for each in group["params"]]


def networks(remember: bool) -> tuple[Contract, Updates]:
    generator, encoder = mlp(STATE, 8, STATE, seed=1), mlp(STATE, 8, seed=2, output=nn.Tanh())
    first, second = mlp(8, 1, seed=3), mlp(8, 1, seed=4)
    generator_optimizer = Adam(generator.parameters(), lr=2e-4)
    first_optimizer = Adam([*encoder.parameters(), *first.parameters()], lr=2e-4)
    second_optimizer = Adam([*encoder.parameters(), *second.parameters()], lr=2e-4)
    trainer = Trainer([generator_optimizer, first_optimizer, second_optimizer], remember)
    batch = random_batch()

    def step(optimizer: Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        trainer.untoggle()

    def generator_update() -> None:
        trainer.toggle(generator_optimizer)
        features = encoder(generator(batch.states))
        step(generator_optimizer, -(first(features) + second(features)).mean())

    def discriminator_update(optimizer: Optimizer, head: nn.Module) -> None:
        trainer.toggle(optimizer)
        fake = generator(batch.states).detach()
        step(optimizer, (head(encoder(fake)) - head(encoder(batch.next_states))).mean())

    contract = Contract(
        modules={"generator": generator, "encoder": encoder, "first": first, "second": second},
        optimizers={
            "generator": generator_optimizer,
            "first": first_optimizer,
            "second": second_optimizer,
        },
        updates={
            "generator_update": trains("generator"),
            "first_update": trains("first", "encoder"),
            "second_update": trains("second", "encoder"),
        },
    )
    return contract, {
        "generator_update": generator_update,
        "first_update": lambda: discriminator_update(first_optimizer, first),
        "second_update": lambda: discriminator_update(second_optimizer, second),
    }


def broken() -> tuple[Contract, Updates]:
    return networks(remember=False)


def fixed() -> tuple[Contract, Updates]:
    return networks(remember=True)
