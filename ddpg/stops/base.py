"""The interface of a stop, and the control: the stop that stops nothing."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from itertools import chain
from typing import Any, ClassVar

from torch import Tensor, nn


class StopError(ValueError):
    """A stop was asked for something that it cannot do; the message says what would work."""


class Crossing(Enum):
    """Where the protected modules stand, seen from the trained one.

    A crossing is a place where one network's output enters the other's loss.
    """

    UPSTREAM = "upstream"
    """Their output enters the loss: the bootstrap of a critic update, L1 before L2."""

    DOWNSTREAM = "downstream"
    """They stand between the trained module and its loss: the critic in an actor update."""


class Effect(Enum):
    """What a stop, as the only barrier at its crossing, does there."""

    PROTECTS = "protects and trains"
    LEAKS = "leaks"
    STARVES = "cannot train"
    IMPOSSIBLE = "leaves nothing to differentiate"
    ILLEGAL = "is not defined"


class Stop:
    """`none`: nothing is stopped. The control, and the base class of every other stop.

    A stop acts in up to four places of one update, and overrides only those::

        optimizer = Adam(stop.parameters())                 # once
        output = stop.through(function, *inputs)            # in the forward pass
        stop.clear_gradients()
        stop.backward(loss)
        stop.edit_gradients()
        optimizer.step()

    Args:
        trained: the modules whose loss this is, by name.
        protected: the modules that the loss must leave alone, by name.
    """

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "the control: the optimizer holds everything, the graph is whole"
    effect: ClassVar[Mapping[Crossing, Effect]] = {
        Crossing.UPSTREAM: Effect.LEAKS,
        Crossing.DOWNSTREAM: Effect.LEAKS,
    }
    cuts_values: ClassVar[bool] = False
    """Whether `through` cuts the path that runs through the values."""
    hides_parameters: ClassVar[bool] = False
    """Whether `through` takes the protected parameters out of the graph."""
    owns_backward: ClassVar[bool] = False
    """Whether `backward` is overridden; one stop of a composition may do so."""

    def __init__(self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module]):
        self.trained = dict(trained)
        self.protected = dict(protected)
        self.trained_parameters = _parameters(self.trained)
        self.protected_parameters = _parameters(self.protected)

    def parameters(self) -> list[nn.Parameter]:
        """What the optimizer of this update holds: trained, then protected parameters."""
        return self.trained_parameters + self.protected_parameters

    def parameter_groups(self, weight_decay: float = 0.0) -> list[dict[str, Any]]:
        """Return `parameters()` as groups for an optimizer, of which only the trained one decays.

        Weight decay would move a protected parameter even if its gradient is zero.
        """
        trained = set(self.trained_parameters)
        decaying = [p for p in self.parameters() if p in trained]
        others = [p for p in self.parameters() if p not in trained]
        groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": others}]
        return [group for group in groups if group["params"]]

    def around(self) -> AbstractContextManager[None]:
        """What must hold before a compiled update begins and until it has ended; here, nothing.

        A compiled graph cannot change whether a parameter requires grad. Where `through` runs
        outside of graphs, it needs no `around`.
        """
        return nullcontext()

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Run the protected computation `function` on the tensors that enter it.

        Args:
            function: the protected computation (Q'∘μ', Q(s, ·), L1).
            inputs: the tensors that enter it, of any shapes that `function` takes.

        Returns:
            What `function` returns: the same values under every stop.
        """
        return function(*inputs)

    def clear_gradients(self) -> None:
        """Set `.grad` to None on trained and protected parameters alike.

        No optimizer clears what it does not hold, so the residue of one update would be counted
        in the next one.
        """
        for parameter in chain(self.trained_parameters, self.protected_parameters):
            parameter.grad = None

    def backward(self, loss: Tensor) -> None:
        """Back-propagate the scalar `loss`.

        Raises:
            StopError: the loss has no path to any parameter.
        """
        require_graph(loss)
        loss.backward()

    def edit_gradients(self) -> None:
        """Change the gradients between backward pass and optimizer step. Here: nothing."""

    def state_dict(self) -> dict[str, int]:
        """What the stop counts, for checkpoints: here, nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Take up what `state_dict` returned."""
        if set(state) != set(self.state_dict()):
            raise StopError(
                f"state of stop {self.name!r} holds {sorted(state)}; "
                f"allowed: {sorted(self.state_dict())}"
            )


def require_graph(loss: Tensor) -> None:
    """Raise a StopError if nothing in `loss` can be differentiated."""
    if not loss.requires_grad:
        raise StopError(
            "the backward pass has nothing to differentiate: the stop has cut the loss's only "
            "path to a parameter"
        )


def _parameters(modules: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    """Every parameter of the modules, each once."""
    return list(dict.fromkeys(chain.from_iterable(m.parameters() for m in modules.values())))
