"""The table that names the stops, and the one place that builds them from an expression."""

import warnings
from collections.abc import Mapping

from torch import nn

from ddpg.errors import did_you_mean
from ddpg.stops.base import Crossing, Effect, Stop, StopError
from ddpg.stops.chain_rule import ChainRule
from ddpg.stops.composition import Composition
from ddpg.stops.detach import Detach
from ddpg.stops.evaluation_mode import EvaluationMode
from ddpg.stops.freeze import Freeze
from ddpg.stops.inference import Inference
from ddpg.stops.inputs import BackwardInputs
from ddpg.stops.manual import Manual
from ddpg.stops.no_grad import NoGrad
from ddpg.stops.optimizer import OptimizerMembership
from ddpg.stops.substitute import Substitute

STOPS: dict[str, type[Stop]] = {
    stop.name: stop
    for stop in (
        Stop,
        Detach,
        NoGrad,
        Inference,
        OptimizerMembership,
        Manual,
        EvaluationMode,
        Freeze,
        BackwardInputs,
        Substitute,
        ChainRule,
    )
}


class StopWarning(UserWarning):
    """The stop runs at this crossing, and cannot train there."""


def build(
    expression: str,
    crossing: Crossing,
    trained: Mapping[str, nn.Module],
    protected: Mapping[str, nn.Module],
    manual_scale: float | Mapping[str, float] = 0.0,
    manual_every: int | Mapping[str, int] = 1,
) -> Stop:
    """Build the stop that `expression` names, for one crossing.

    Args:
        expression: a name of `STOPS`, or several joined by `+`, leftmost outermost.
        crossing: where the protected modules stand.
        trained: the modules whose loss this is, by name.
        protected: the modules that the loss must leave alone, by name.
        manual_scale: see `Manual`.
        manual_every: see `Manual`.

    Raises:
        StopError: the expression is not legal at this crossing.
    """
    classes = check(expression, crossing)
    stops = [
        cls(trained, protected, manual_scale, manual_every)
        if issubclass(cls, Manual)
        else cls(trained, protected)
        for cls in classes
    ]
    return stops[0] if len(stops) == 1 else Composition(stops)


def check(expression: str, crossing: Crossing) -> list[type[Stop]]:
    """Parse `expression` and check it against the table of legal pairs (stop × crossing).

    Returns:
        The classes that it names, leftmost outermost.

    Raises:
        StopError: a name is unknown, a pair contradicts itself, or nothing is left to
            differentiate.

    Warns:
        StopWarning: the stops run at this crossing, and the trained module cannot learn there.
    """
    classes = _parse(expression)
    _check_composition(expression, classes)
    effects = {cls.effect[crossing] for cls in classes}
    if Effect.ILLEGAL in effects:
        raise StopError(
            f"stop {expression!r} is not defined {crossing.value}, where the protected output "
            f"enters the loss; allowed: {_working(crossing)}"
        )
    if crossing is Crossing.DOWNSTREAM and any(cls.cuts_values for cls in classes):
        if any(cls.hides_parameters for cls in classes):
            raise StopError(
                f"stop {expression!r} leaves the backward pass nothing to differentiate "
                f"{crossing.value}, since the trained module's only path to its loss runs through "
                f"the protected one; allowed: {_working(crossing)}"
            )
        warnings.warn(
            f"stop {expression!r} cannot train {crossing.value}: it cuts the trained module's only "
            f"path to its loss, which runs through the protected one; stops that work there: "
            f"{_working(crossing)}",
            StopWarning,
            stacklevel=2,
        )
    return classes


def legal(crossing: Crossing, *effects: Effect) -> list[str]:
    """The names of the stops that, alone, have one of `effects` at `crossing`."""
    return [name for name, cls in STOPS.items() if cls.effect[crossing] in effects]


def _parse(expression: str) -> list[type[Stop]]:
    names = [name.strip() for name in expression.split("+")]
    for name in names:
        if name not in STOPS:
            hint = did_you_mean(name, STOPS)
            raise StopError(
                f"stop is {name!r}{hint}; allowed: {', '.join(STOPS)}, or several joined by '+'"
            )
    return [STOPS[name] for name in names]


def _check_composition(expression: str, classes: list[type[Stop]]) -> None:
    if len(set(classes)) < len(classes):
        raise StopError(f"stop {expression!r} names a stop twice; allowed: each once")
    if len(classes) > 1 and Stop in classes:
        raise StopError(f"stop {expression!r} joins 'none' to another; allowed: 'none' alone")
    if sum(cls.owns_backward for cls in classes) > 1:
        raise StopError(
            f"stop {expression!r} has two stops that run the backward pass; allowed: one of "
            f"{', '.join(name for name, cls in STOPS.items() if cls.owns_backward)}"
        )
    if ChainRule in classes and any(cls.cuts_values for cls in classes):
        raise StopError(
            f"stop {expression!r} cuts what 'chain_rule' hands back; allowed: 'chain_rule' "
            "without detach, no_grad and inference"
        )


def _working(crossing: Crossing) -> str:
    return ", ".join(legal(crossing, Effect.PROTECTS))
