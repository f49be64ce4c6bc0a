"""Detection of losses, gradients, values and weights that are NaN or infinite."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.agent import DDPG
from ddpg.errors import DivergenceError
from ddpg.runs.tags import UPDATE_TAGS
from ddpg.training.schedule import step_of
from ddpg.training.state import TrainingState


class DivergenceWatch:
    """Watch that stops the run at a value that is not finite, or drops its member.

    The setting `on_divergence` chooses which.

    Members share only the matrix products, so dropping one changes no bit of the others.

    Args:
        state: state of the run; `alive` is False for members that were dropped.
        last_checkpoint: returns the place of the last checkpoint, as the end of a message.
        warn: called with each dropped member and the reason.
    """

    def __init__(
        self,
        state: TrainingState,
        last_checkpoint: Callable[[], str],
        warn: Callable[[int, str], None],
    ):
        self.state = state
        self.last_checkpoint = last_checkpoint
        self.warn = warn

    def check_update(self) -> None:
        """Check the updates since the last point, and name the first value that is not finite.

        If a loss is finite and the weights after it are not, its gradient was not either.
        Checking weights is cheaper than checking every gradient, a fifth of an update.

        Raises:
            DivergenceError: a value is not finite, and the run stops.
        """
        agent, window = self.state.agent, self.state.window
        first = window.first_nonfinite(self.state.alive)
        if first is None or first.metric == "actor_loss":
            self._check_tensors(_weights(agent, "critic"), "gradient/critic")
        while first := window.first_nonfinite(self.state.alive):
            later = len(window) - first.update - 1
            step = step_of(self.state.config, self.state.step, later)
            self._diverged(first.member, UPDATE_TAGS[first.metric], first.value, step)
        self._check_tensors(_weights(agent, "actor"), "gradient/actor")

    def check_action(self, action: NDArray[np.floating]) -> None:
        """Check the actors' actions `[member, action]`.

        Raises:
            DivergenceError: a value is not finite, and the run stops.
        """
        for member in np.flatnonzero(self.state.alive & ~np.isfinite(action).all(axis=1)):
            value = action[member][~np.isfinite(action[member])][0]
            self._diverged(int(member), "action", float(value), self.state.step)

    def check_agent(self) -> None:
        """Check every weight and every moment of the optimizers.

        Raises:
            DivergenceError: a value is not finite, and the run stops.
        """
        self._check_tensors(_tensors(self.state.agent))

    def _check_tensors(
        self, tensors: Iterator[tuple[str, torch.Tensor]], cause: str | None = None
    ) -> None:
        """Check named tensors `[member, ...]`; the message names `cause` instead, if given."""
        for name, values in tensors:
            rows = values.flatten(1)
            finite = rows.isfinite().all(dim=1).cpu().numpy()
            for member in np.flatnonzero(self.state.alive & ~finite):
                value = rows[member][~rows[member].isfinite()][0].item()
                self._diverged(int(member), cause or name, value, self.state.step)

    def _diverged(self, member: int, name: str, value: float, step: int) -> None:
        """Stop the run, or drop the member."""
        state = self.state
        owner = f"member {member} (seed {state.seeds[member]})"
        what = f"{name} of {owner} is {value} at environment step {step}"
        if state.config.on_divergence == "stop":
            raise DivergenceError(f"{what}; {self.last_checkpoint()}")
        state.alive[member] = False
        if not state.alive.any():
            raise DivergenceError(
                f"{what}, and every other member was dropped; {self.last_checkpoint()}"
            )
        self.warn(member, f"{what}, so the member is dropped; the other members continue")


def _tensors(agent: DDPG) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield name and `[member, ...]` of each tensor that updates read and write."""
    for name in agent.modules:
        yield from _weights(agent, name)
    for name, optimizer in (("critic", agent.critic_optimizer), ("actor", agent.actor_optimizer)):
        for state in optimizer.state.values():
            for key, value in state.items():
                # The step count is one number for all members.
                if value.dim():
                    yield f"{key} of the {name}'s optimizer", value


def _weights(agent: DDPG, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in agent.modules[name].state_dict().items():
        yield f"weight {name}.{key}", value
