"""The contract of a Tianshou DDPG, TD3 or SAC algorithm, as its source says it trains.

    report = audit(contract(algorithm), updates(algorithm, buffer))

Tianshou stops nothing in the actor's update: the loss goes through the critics and writes their
`.grad`, and they are kept only because the policy's optimizer does not hold them. The contract says
so (`through=`). The bootstrap target makes a round trip over NumPy, where no graph survives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from ddpg.isolation.contract import Contract, follows, nothing, split, trains

if TYPE_CHECKING:
    from tianshou.algorithm import DDPG, SAC, TD3
    from tianshou.data import ReplayBuffer

    Algorithm = DDPG | TD3 | SAC

CRITICS = ("critic", "critic2")  # DDPG has one
TARGETS = {"critic_old": "critic", "critic2_old": "critic2", "actor_old": "actor"}


def contract(algorithm: "Algorithm", buffer: "ReplayBuffer | None" = None) -> Contract:
    """What `algorithm.update` may do, cut at its optimizers' steps, and that acting touches nothing.

    Everything is looked up on the algorithm at each update, since a network put in by hand replaces
    it.

    Args:
        algorithm: its lagged networks keep Tianshou's names (`critic_old`, ...).
        buffer: its own random state is put back too, so that the audit draws nothing from it.
    """
    critics = tuple(name for name in CRITICS if hasattr(algorithm, name))
    targets = {name: source for name, source in TARGETS.items() if hasattr(algorithm, name)}
    learns_alpha = isinstance(getattr(algorithm, "alpha", None), nn.Module)

    modules: dict[str, Any] = {"actor": lambda: algorithm.policy.actor}
    modules |= {name: _attribute(algorithm, name) for name in critics}
    modules |= {name: _lagged(algorithm, name) for name in targets}
    optimizers: dict[str, Callable[[], Optimizer]] = {
        "actor": lambda: algorithm.policy_optim._optim,
        **{name: _optimizer(algorithm, name) for name in critics},
    }
    parts = {
        **{name: trains(name, eval_mode=tuple(targets)) for name in critics},
        "actor": trains("actor", through=critics),
        "rest": follows(**targets),
    }
    if learns_alpha:
        modules["alpha"] = lambda: algorithm.alpha
        optimizers["alpha"] = lambda: algorithm.alpha._optim
        parts["alpha"] = trains("alpha")

    return Contract(
        modules=modules,
        optimizers=optimizers,
        updates={"update": split(**parts), "acting": nothing(eval_mode="actor")},
        restores=[_Counters(algorithm), *algorithm.lr_schedulers]
        + ([] if buffer is None else [_RandomState(buffer)]),
    )


def updates(
    algorithm: "Algorithm", buffer: "ReplayBuffer", batch_size: int = 64
) -> dict[str, Callable[[], object]]:
    """An update on the buffer with every part in it, and acting as a collector does.

    Raises:
        ValueError: the buffer is empty.
    """
    from tianshou.data import Batch
    from tianshou.utils.torch_utils import policy_within_training_step, torch_train_mode

    if len(buffer) == 0:
        raise ValueError("the buffer is empty: collect some steps first")
    calls = getattr(algorithm, "update_actor_freq", 1)  # so that TD3's delayed actor is updated

    def update() -> None:
        with policy_within_training_step(algorithm.policy):
            for _ in range(calls):
                algorithm.update(buffer, batch_size)

    def acting() -> None:
        with torch_train_mode(algorithm.policy, False), torch.no_grad():
            algorithm.policy(Batch(obs=buffer[:1].obs, info=Batch()))

    return {"update": update, "acting": acting}


class _Counters:
    """The algorithm's own numbers (which TD3 counts its updates in); its state_dict leaves them out."""

    def __init__(self, algorithm: "Algorithm") -> None:
        self._attributes = vars(algorithm)

    def state_dict(self) -> dict[str, float]:
        return {name: n for name, n in self._attributes.items() if isinstance(n, int | float)}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self._attributes.update(state)


class _RandomState:
    """Tianshou's buffers draw from a `numpy.random.RandomState` of their own."""

    def __init__(self, buffer: "ReplayBuffer") -> None:
        self._state = buffer._random_state

    def state_dict(self) -> dict[str, Any]:
        return self._state.get_state(legacy=False)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state.set_state(state)


def _attribute(algorithm: "Algorithm", name: str) -> Callable[[], nn.Module]:
    return lambda: getattr(algorithm, name)


def _lagged(algorithm: "Algorithm", name: str) -> Callable[[], nn.Module]:
    return lambda: getattr(algorithm, name).module  # without the wrapper that keeps it in eval mode


def _optimizer(algorithm: "Algorithm", name: str) -> Callable[[], Optimizer]:
    return lambda: getattr(algorithm, f"{name}_optim")._optim
