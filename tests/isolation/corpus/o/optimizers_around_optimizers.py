"""An optimizer around another one: accelerate, Lightning, Lookahead, SAM.

Both have the same parameter groups, and count as one. Broken: the inner optimizer holds the target
network too.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.optim import SGD, Optimizer

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import random_batch, value_network


class Delegating(Optimizer):
    """As `AcceleratedOptimizer`: attributes are those of the optimizer inside."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def param_groups(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.optimizer.state

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.optimizer.zero_grad(set_to_none)

    def step(self, closure: Any = None) -> Any:
        return self.optimizer.step(closure)


class Lookahead(Optimizer):
    """Moves slow copies of the parameters after each step of the optimizer inside."""

    def __init__(self, base: Optimizer) -> None:
        super().__init__(base.param_groups, {})
        self.base = base
        self.param_groups = base.param_groups
        self.slow = [p.detach().clone() for g in base.param_groups for p in g["params"]]

    def step(self, closure: Any = None) -> Any:
        self.base.step(closure)
        parameters = [p for group in self.param_groups for p in group["params"]]
        with torch.no_grad():
            for slow, fast in zip(self.slow, parameters, strict=True):
                slow.lerp_(fast, 0.5)
                fast.copy_(slow)


class Wrapper:
    """As `LightningOptimizer`: no subclass of `Optimizer`."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self.param_groups = optimizer.param_groups
        self.zero_grad, self.state_dict = optimizer.zero_grad, optimizer.state_dict

    def step(self) -> None:
        self._optimizer.step()


def example(
    wrap: Callable[[Optimizer], Any], names: str, *, all_held: bool
) -> tuple[Contract, Updates]:
    network = value_network()
    target = copy.deepcopy(network)
    held = [*network.parameters(), *target.parameters()] if all_held else network.parameters()
    inner = SGD(held, lr=0.1)
    outer = wrap(inner)
    batch = random_batch()

    def update() -> None:
        outer.zero_grad()
        (network(batch.states) - batch.rewards).square().mean().backward()
        outer.step()

    optimizers: dict[str, Any] = {"outer": outer, "inner": inner}
    contract = Contract(
        modules={"network": network, "target": target},
        optimizers={name: optimizers[name] for name in names.split()},
        updates={"update": split(**{names.split()[0]: trains("network")})},
        restores=[outer] if isinstance(outer, Lookahead) else [],
    )
    return contract, {"update": update}


STYLES = {
    f"{wrap.__name__.lower()}_{names.replace(' ', '_and_')}": Style(
        wrap.__name__,
        partial(example, wrap, names, all_held=False),
        partial(example, wrap, names, all_held=True),
        (Expected(f"update/{names.split()[0]}", "target", "leaked", Grade.NOTHING, "membership"),),
    )
    for wrap, names in (
        (Delegating, "outer"),
        (Delegating, "inner outer"),
        (Lookahead, "outer"),
        (Lookahead, "inner outer"),
        (Lookahead, "outer inner"),
        (Wrapper, "outer inner"),
    )
}
