"""Parameters that are written between the backward pass and the step.

Clipped weights (WGAN), sharpness-aware perturbations, and rows that are normalised. The step still
moves the parameter. Broken: the perturbation is taken back, and no step follows.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.corpus.case import Example, Expected, Style, Updates
from tests.isolation.corpus.parts import random_batch, value_network


class Learner:
    """One value network and its optimizer."""

    def __init__(self, optimizer: str) -> None:
        self.net = value_network()
        kind = getattr(torch.optim, optimizer)
        self.optimizer = kind(self.net.parameters(), lr=0.05, weight_decay=0.1)
        self.batch = random_batch()

    def backward(self) -> None:
        self.optimizer.zero_grad()
        mse_loss(self.net(self.batch.states), self.batch.rewards).backward()

    def clamp(self) -> None:
        self.backward()
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.clamp_(-0.2, 0.2)
        self.optimizer.step()

    def normalise(self) -> None:
        self.backward()
        for parameter in self.net.parameters():
            parameter.data /= parameter.data.norm()
        self.optimizer.step()

    def perturb(self, step: bool = True) -> None:
        """Sharpness-aware minimisation: the gradient at a perturbed point."""
        self.backward()
        before = [parameter.detach().clone() for parameter in self.net.parameters()]
        with torch.no_grad():
            for parameter in self.net.parameters():
                assert parameter.grad is not None
                parameter.add_(parameter.grad, alpha=0.05 / float(parameter.grad.norm() + 1e-12))
        self.backward()
        with torch.no_grad():
            for parameter, value in zip(self.net.parameters(), before, strict=True):
                parameter.copy_(value)
        if step:
            self.optimizer.step()

    def decay(self) -> None:
        """Weight decay moves what a write has just put back to its old value."""
        self.optimizer.zero_grad()
        mse_loss(self.net(self.batch.states), self.batch.rewards).backward()
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.mul_(1.5)
        self.optimizer.step()


def example(update: Callable[[Learner], object], optimizer: str, *, parts: bool = False) -> Example:
    def build() -> tuple[Contract, Updates]:
        learner = Learner(optimizer)
        whole = split(optimizer=trains("net"), rest=trains(moves="net"))
        contract = Contract(
            modules={"net": learner.net},
            optimizers={"optimizer": learner.optimizer},
            updates={"update": whole if parts else trains("net")},
        )
        return contract, {"update": partial(update, learner)}

    return build


def moves_by_a_step(update: Callable[[Learner], object], optimizer: str, parts: bool) -> Style:
    return Style(
        "value learning",
        example(update, optimizer, parts=parts),
        reason="the step moves the parameter after the write",
    )


STYLES = {
    f"{update.__name__}_{optimizer}{'_in_parts' * parts}".lower(): moves_by_a_step(
        update, optimizer, parts
    )
    for update in (Learner.clamp, Learner.normalise, Learner.decay)
    for optimizer, parts in (("SGD", False), ("Adam", False), ("AdamW", True))
} | {
    f"perturb_{optimizer}".lower(): Style(
        "sharpness-aware minimisation",
        example(Learner.perturb, optimizer),
        example(partial(Learner.perturb, step=False), optimizer),
        (Expected("update", "net", "starved", Grade.NONZERO, "moved"),),
    )
    for optimizer in ("SGD", "Adam")
}
