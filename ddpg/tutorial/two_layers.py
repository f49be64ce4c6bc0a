"""The smallest crossing: `mse_loss(L2(L1(x)), y)`; only the head L2 is to be trained."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Report, audit, trains
from ddpg.stops import Crossing, build

LEARNING_RATE = 0.1
UPDATE = "update"


class TwoLayers:
    """L1 and L2 with an optimizer under one stop; weights and data are always the same.

    `x` is `[4, 2]`, L1's output `[4, 2]`, and the target `y` `[4, 1]`.

    Args:
        expression: the stop, as in `ddpg.stops.build`.
        manual_scale: as in `ddpg.stops.manual.Manual`.
        manual_every: as in `ddpg.stops.manual.Manual`.
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
        """Run the forward pass with the stop between L1 and L2."""
        hidden = self.stop.through(self.l1, self.x)
        return mse_loss(self.l2(hidden), self.y)

    def minimize(self, loss: Tensor) -> None:
        """Run the backward pass, edit the gradients and step."""
        self.stop.clear_gradients()
        self.stop.backward(loss)
        self.stop.edit_gradients()
        self.optimizer.step()

    def update(self) -> None:
        """Run one training step."""
        self.minimize(self.loss())

    def parameters(self) -> dict[str, nn.Parameter]:
        """Return all four parameters by name, as `L1.weight`."""
        return named_parameters(self.l1, self.l2)


def named_parameters(l1: nn.Module, l2: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of both layers by name, as `L1.weight`."""
    return {
        f"{name}.{key}": parameter
        for name, layer in (("L1", l1), ("L2", l2))
        for key, parameter in layer.named_parameters()
    }


def audit_layers(layers: TwoLayers) -> Report:
    """Audit one update, with each parameter as a module; restore everything afterwards.

    The contract allows the update to reach L1 and to write its `.grad`, but not to move it.
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
