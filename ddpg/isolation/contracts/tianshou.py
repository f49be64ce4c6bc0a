"""Contract of a Tianshou DDPG, TD3 or SAC algorithm.

    report = audit(contract(algorithm, buffer), updates(algorithm, buffer))

Tianshou stops nothing in the actor's update: the loss goes through the critics and writes their
`.grad`. Only the optimizers protect the critics: the policy's does not hold them. The contract
allows this (`through=`). The bootstrap target passes through NumPy, which drops its graph.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import torch

from ..contract import Contract, follows, nothing, split, trains

if TYPE_CHECKING:
    from tianshou.algorithm.modelfree.ddpg import DDPG
    from tianshou.algorithm.modelfree.sac import SAC
    from tianshou.algorithm.modelfree.td3 import TD3
    from tianshou.data import ReplayBuffer

    Algorithm = DDPG | TD3 | SAC

CRITICS = ("critic", "critic2")  # DDPG has only the first
LAGGED = {"critic_old": "critic", "critic2_old": "critic2", "actor_old": "actor"}


def contract(algorithm: "Algorithm", buffer: "ReplayBuffer") -> Contract:
    """Return the contract of `algorithm.update`, cut at its optimizers' steps, and of acting.

    The target networks have Tianshou's names, such as `critic_old`.

    Args:
        algorithm: The algorithm to audit.
        buffer: Its replay buffer, whose random state is put back after the audit.
    """

    def at(path: str) -> Callable[[], Any]:
        """Look the attribute up at each update: users may replace networks."""
        return lambda: attrgetter(path)(algorithm)

    critics = [name for name in CRITICS if hasattr(algorithm, name)]
    lagged = {name: source for name, source in LAGGED.items() if hasattr(algorithm, name)}

    modules = {"actor": at("policy.actor")}
    modules |= {name: at(name) for name in critics}
    # The networks inside the wrapper that keeps them in eval mode.
    modules |= {name: at(f"{name}.module") for name in lagged}
    optimizers = {"actor": at("policy_optim._optim")}
    optimizers |= {name: at(f"{name}_optim._optim") for name in critics}
    parts = {name: trains(name, eval_mode=lagged) for name in critics}
    parts["actor"] = trains("actor", through=critics)
    parts["rest"] = follows(**lagged)
    if hasattr(getattr(algorithm, "alpha", None), "_optim"):
        modules["alpha"] = at("alpha")
        optimizers["alpha"] = at("alpha._optim")
        parts["alpha"] = trains("alpha")

    return Contract(
        modules=modules,
        optimizers=optimizers,
        updates={"update": split(**parts), "acting": nothing(eval_mode="actor")},
        restores=[_Counters(algorithm), _RandomState(buffer), *algorithm.lr_schedulers],
    )


def updates(
    algorithm: "Algorithm", buffer: "ReplayBuffer", batch_size: int = 64
) -> dict[str, Callable[[], object]]:
    """Return the updates: training on the buffer, and acting as a collector does.

    One call of `update` runs every part of the contract at least once.

    Raises:
        ValueError: The buffer is empty.
    """
    from tianshou.data import Batch
    from tianshou.utils.torch_utils import policy_within_training_step, torch_train_mode

    if len(buffer) == 0:
        raise ValueError("the buffer is empty: collect some steps first")
    calls = getattr(algorithm, "update_actor_freq", 1)  # TD3 updates its actor in one of these

    def update() -> None:
        with policy_within_training_step(algorithm.policy):
            for _ in range(calls):
                algorithm.update(buffer, batch_size)

    def acting() -> None:
        observations: Any = Batch(obs=buffer[:1].obs, info=Batch())
        with torch_train_mode(algorithm.policy, False), torch.no_grad():
            algorithm.policy(observations)

    return {"update": update, "acting": acting}


class _Counters:
    """Numeric attributes of the algorithm: TD3 counts its updates outside of its state_dict."""

    def __init__(self, algorithm: "Algorithm") -> None:
        self._attributes = vars(algorithm)

    def state_dict(self) -> dict[str, float]:
        return {name: n for name, n in self._attributes.items() if isinstance(n, int | float)}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self._attributes.update(state)


class _RandomState:
    """The buffer's `numpy.random.RandomState`, with the methods that `restores` needs."""

    def __init__(self, buffer: "ReplayBuffer") -> None:
        self._state = buffer._random_state

    def state_dict(self) -> dict[str, Any]:
        return dict(self._state.get_state(legacy=False))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state.set_state(state)
