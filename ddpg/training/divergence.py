"""What happens when a member's loss, gradient, value or weight becomes NaN or infinite."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.agent import DDPG
from ddpg.errors import DivergenceError
from ddpg.runs.tracking import UPDATE_TAGS
from ddpg.training.metrics import MetricsWindow


class DivergenceWatch:
    """Stops the run at what is not finite, or drops the member that it is of.

    The members share nothing but the matrix products, so the others of a dropped one go on as if
    it had not been dropped, to the bit.

    Args:
        seeds: the members' seeds.
        policy: the setting `on_divergence`.
        kept: tells which checkpoint is kept, as the end of a sentence.
        warn: is told of a member that is dropped, and why.
    """

    def __init__(
        self,
        seeds: list[int],
        policy: Literal["stop", "drop_member"],
        kept: Callable[[], str],
        warn: Callable[[int, str], None],
    ):
        self.seeds = seeds
        self.policy = policy
        self.kept = kept
        self.warn = warn
        self.alive = np.ones(len(seeds), bool)
        """`[member]`: False for who was dropped."""

    def _check_window(self, window: MetricsWindow, step: int) -> None:
        """Look at every loss, gradient and value since the last point; `step` is the last one's.

        Raises:
            DivergenceError: one is not finite, and the run stops at that.
        """
        while broken := window.first_broken(self.alive):
            at = step - len(window) + broken.update + 1
            self._diverged(broken.member, UPDATE_TAGS[broken.term], broken.value, at)

    def check_update(self, agent: DDPG, window: MetricsWindow, step: int) -> None:
        """Look at the last update, from its losses to the weights, and name what broke first.

        Between a loss that was finite and weights that are not there was a gradient that was not.
        It is told from the weights, since looking at every gradient would cost an update a fifth
        of its time.

        Raises:
            DivergenceError: something is not finite, and the run stops at that.
        """
        broken = window.first_broken(self.alive)
        if broken is None or broken.term == "actor_loss":
            self._check_tensors(_weights(agent, "critic"), step, "gradient/critic")
        self._check_window(window, step)
        self._check_tensors(_weights(agent, "actor"), step, "gradient/actor")

    def check_action(self, action: NDArray[np.floating], step: int) -> None:
        """Look at the actors' actions `[member, action]` at environment step `step`.

        Raises:
            DivergenceError: one is not finite, and the run stops at that.
        """
        for member in np.flatnonzero(self.alive & ~np.isfinite(action).all(axis=1)):
            value = action[member][~np.isfinite(action[member])][0]
            self._diverged(int(member), "action", float(value), step)

    def check_agent(self, agent: DDPG, step: int) -> None:
        """Look at every weight and every moment of the optimizers, before they are kept.

        Raises:
            DivergenceError: one is not finite, and the run stops at that.
        """
        self._check_tensors(_tensors(agent), step)

    def _check_tensors(
        self, tensors: Iterator[tuple[str, torch.Tensor]], step: int, cause: str | None = None
    ) -> None:
        for term, values in tensors:
            rows = values.flatten(1)
            finite = rows.isfinite().all(dim=1).cpu().numpy()
            for member in np.flatnonzero(self.alive & ~finite):
                value = rows[member][~rows[member].isfinite()][0].item()
                self._diverged(int(member), cause or term, value, step)

    def _diverged(self, member: int, term: str, value: float, step: int) -> None:
        whose = f"{term} of member {member} (seed {self.seeds[member]})"
        what = f"{whose} is {value} at environment step {step}"
        if self.policy == "stop":
            raise DivergenceError(f"{what}; {self.kept()}")
        self.alive[member] = False
        if not self.alive.any():
            raise DivergenceError(f"{what}, and every other member was dropped; {self.kept()}")
        self.warn(member, f"{what}, so it is dropped; the others go on")


def _tensors(agent: DDPG) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and `[member, ...]` of whatever an update writes and the next one reads."""
    for name in agent.modules:
        yield from _weights(agent, name)
    for name, optimizer in (("critic", agent.critic_optimizer), ("actor", agent.actor_optimizer)):
        for state in optimizer.state.values():
            for key, value in state.items():
                # The count of steps has no members.
                if value.dim():
                    yield f"{key} of the {name}'s optimizer", value


def _weights(agent: DDPG, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in agent.modules[name].state_dict().items():
        yield f"weight {name}.{key}", value
