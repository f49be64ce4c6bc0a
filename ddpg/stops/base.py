"""The interface of a stop, and the control: the stop that stops nothing."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from itertools import chain
from typing import Any, ClassVar

from torch import Tensor, nn


class StopError(ValueError):
    """A stop cannot do what was asked. The message states what is allowed, or the reason."""


class Crossing(Enum):
    """Position of the protected modules, seen from the trained one.

    A crossing is a place where one network's output enters the other's loss.
    """

    UPSTREAM = "upstream"
    """Their output enters the loss: the bootstrap of a critic update, L1 before L2."""

    DOWNSTREAM = "downstream"
    """They are between the trained module and its loss: the critic in an actor update."""


class Effect(Enum):
    """Effect of a stop that is the only barrier at its crossing."""

    PROTECTS = "protects and trains"
    LEAKS = "leaks"
    STARVES = "cannot train"
    IMPOSSIBLE = "leaves nothing to differentiate"
    ILLEGAL = "is not defined"


class Stop:
    """`none`: the control, which stops nothing, and the base class of every other stop.

    A stop acts in up to four places of one update, and overrides only those::

        optimizer = Adam(stop.parameters())                 # once
        output = stop.through(function, *inputs)            # in the forward pass
        stop.clear_gradients()
        stop.backward(loss)
        stop.edit_gradients()
        optimizer.step()

    Args:
        trained: the modules that the loss trains, by name.
        protected: the modules that the loss must not train, by name.
    """

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "the control: the optimizer holds everything, the graph is whole"
    effect: ClassVar[Mapping[Crossing, Effect]] = {
        Crossing.UPSTREAM: Effect.LEAKS,
        Crossing.DOWNSTREAM: Effect.LEAKS,
    }
    cuts_values: ClassVar[bool] = False
    """True if `through` cuts the path of the gradient through the values."""
    hides_parameters: ClassVar[bool] = False
    """True if `through` keeps the protected parameters out of the graph."""
    owns_backward: ClassVar[bool] = False
    """True if `backward` is overridden. At most one stop of a composition may do so."""

    def __init__(self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module]):
        self.trained = dict(trained)
        self.protected = dict(protected)
        self.trained_parameters = _parameters(self.trained)
        self.protected_parameters = _parameters(self.protected)

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that the optimizer holds: trained ones, then protected ones."""
        return self.trained_parameters + self.protected_parameters

    def parameter_groups(self, weight_decay: float = 0.0) -> list[dict[str, Any]]:
        """Return `parameters()` as groups for an optimizer; only trained parameters decay.

        Weight decay would move a protected parameter even if its gradient is zero.
        """
        trained = set(self.trained_parameters)
        decaying = [p for p in self.parameters() if p in trained]
        others = [p for p in self.parameters() if p not in trained]
        groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": others}]
        return [group for group in groups if group["params"]]

    def around_graph(self) -> AbstractContextManager[None]:
        """Context manager around a compiled update, for what its graph cannot do. Here: nothing.

        A compiled graph cannot change whether a parameter requires grad. Outside of a compiled
        update, `through` does all that is needed.
        """
        return nullcontext()

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Run the protected computation `function` on the tensors that enter it.

        Args:
            function: the protected computation (Q'∘μ', Q(s, ·), L1).
            inputs: the tensors that enter it, of any shapes that `function` takes.

        Returns:
            The result of `function`: the same values under every stop.
        """
        return function(*inputs)

    def clear_gradients(self) -> None:
        """Set `.grad` to None on trained and protected parameters.

        An optimizer clears only the parameters that it holds. Gradients of one update would
        otherwise be added to those of the next.
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
        """Change gradients between the backward pass and the optimizer's step. Here: nothing."""

    def state_dict(self) -> dict[str, int]:
        """Return the stop's counters, for a checkpoint. Here: none."""
        return {}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Load what `state_dict` returned.

        Raises:
            StopError: `state` has other counters.
        """
        if set(state) != set(self.state_dict()):
            raise StopError(
                f"cannot load the state of stop {self.name!r}: it has the counters "
                f"{sorted(state)}; allowed: {sorted(self.state_dict())}"
            )


def require_graph(loss: Tensor) -> None:
    """Raise a StopError if nothing in `loss` can be differentiated."""
    if not loss.requires_grad:
        raise StopError(
            "cannot run the backward pass: there is nothing to differentiate, since the stop has "
            "cut the loss's only path to a parameter"
        )


def _parameters(modules: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    """Return every parameter of the modules once."""
    return list(dict.fromkeys(chain.from_iterable(m.parameters() for m in modules.values())))
