"""The smallest crossing: `hidden = L1(x)`, `y = L2(hidden)`; only the head L2 is to be trained."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Report, audit, trains
from ddpg.stops import Crossing, build

LEARNING_RATE = 0.1
UPDATE = "update"


class Layers:
    """L1 and L2, always with the same weights and data, and an optimizer under one stop.

    `x` is `[4, 2]`, `hidden` `[4, 2]`, `y` `[4, 1]`.

    Args:
        expression: the stop, as in `ddpg.stops.build`.
        manual_scale: see `ddpg.stops.manual.Manual`.
        manual_every: see there.
    """

    def __init__(self, expression: str, manual_scale: float = 0.0, manual_every: int = 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.l1, self.l2 = nn.Linear(2, 2), nn.Linear(2, 1)
            self.x, self.y = torch.randn(4, 2), torch.randn(4, 1)
        self.stop = build(
            expression,
            Crossing.UPSTREAM,
            {"L2": self.l2},
            {"L1": self.l1},
            manual_scale,
            manual_every,
        )
        self.optimizer = torch.optim.SGD(self.stop.parameters(), lr=LEARNING_RATE)

    def loss(self) -> Tensor:
        """The forward pass: the stop stands between L1 and L2."""
        hidden = self.stop.through(self.l1, self.x)
        return mse_loss(self.l2(hidden), self.y)

    def descend(self, loss: Tensor) -> None:
        """From the loss to the step."""
        self.stop.clear_gradients()
        self.stop.backward(loss)
        self.stop.edit_gradients()
        self.optimizer.step()

    def update(self) -> None:
        """One training step."""
        self.descend(self.loss())

    def parameters(self) -> dict[str, nn.Parameter]:
        """All four, by name."""
        return {
            f"{name}.{key}": parameter
            for name, layer in (("L1", self.l1), ("L2", self.l2))
            for key, parameter in layer.named_parameters()
        }


def audited(layers: Layers) -> Report:
    """The audit of one update, a parameter a module; everything is put back.

    L1 may be reached and its `.grad` written; what must not happen is that it moves.
    """
    names = tuple(layers.parameters())
    contract = Contract(
        modules=layers.parameters(),
        optimizers={"optimizer": layers.optimizer},
        updates={
            UPDATE: trains(
                *(name for name in names if name.startswith("L2")),
                through=tuple(name for name in names if name.startswith("L1")),
            )
        },
        holds={"optimizer": names},
        restores=[layers.stop],
    )
    return audit(contract, layers.update, rounds=1)
