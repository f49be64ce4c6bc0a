"""The table of stops, and the functions that parse and build a stop expression."""

import warnings
from collections.abc import Mapping

from torch import nn

from ddpg.errors import did_you_mean
from ddpg.stops.base import Crossing, Effect, Stop, StopError
from ddpg.stops.chain_rule import ChainRule
from ddpg.stops.clipping import GradientClip
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
    """The stop runs at this crossing, but the trained module cannot learn there."""


def build(
    expression: str,
    crossing: Crossing,
    trained: Mapping[str, nn.Module],
    protected: Mapping[str, nn.Module],
    manual_scale: float | Mapping[str, float] = 0.0,
    manual_every: int | Mapping[str, int] = 1,
    gradient_clip: float | None = None,
) -> Stop:
    """Build the stop of one crossing.

    Args:
        expression: a name of `STOPS`, or several joined by `+`, leftmost outermost.
        crossing: position of the protected modules.
        trained: the modules that the loss trains, by name.
        protected: the modules that the loss must not train, by name.
        manual_scale: see `Manual`.
        manual_every: see `Manual`.
        gradient_clip: limit of a `GradientClip` after the stops; None: there is none.

    Raises:
        StopError: the expression is not allowed at this crossing.
    """
    classes = check(expression, crossing)
    stops = [
        cls(trained, protected, manual_scale, manual_every)
        if issubclass(cls, Manual)
        else cls(trained, protected)
        for cls in classes
    ]
    if gradient_clip is not None:
        stops.append(GradientClip(trained, protected, gradient_clip))
    return stops[0] if len(stops) == 1 else Composition(stops)


def check(expression: str, crossing: Crossing, setting: str = "stop") -> list[type[Stop]]:
    """Parse `expression`, and check it against the effects of its stops at `crossing`.

    Args:
        expression: see `build`.
        crossing: position of the protected modules.
        setting: name of the setting that has this value, for error messages.

    Returns:
        The classes of the stops, leftmost outermost.

    Raises:
        StopError: a name is unknown, two stops exclude each other, or nothing is left to
            differentiate.

    Warns:
        StopWarning: the stops run at this crossing, but the trained module cannot learn there.
    """
    classes = _parse(expression, setting)
    value = f"{setting}: {expression!r} is not allowed"
    reason = _conflict(classes)
    if reason:
        raise StopError(f"{value}, since {reason}")
    trains = ", ".join(stop_names(crossing, Effect.PROTECTS))
    if Effect.ILLEGAL in {cls.effect[crossing] for cls in classes}:
        raise StopError(
            f"{value} {crossing.value}, where the protected output enters the loss; "
            f"allowed: {trains}"
        )
    if crossing is Crossing.DOWNSTREAM and any(cls.cuts_values for cls in classes):
        if any(cls.hides_parameters for cls in classes):
            raise StopError(
                f"{value} {crossing.value}, since it leaves the backward pass nothing to "
                "differentiate: the trained module's only path to its loss runs through the "
                f"protected one; allowed: {trains}"
            )
        warnings.warn(
            f"stop {expression!r} cannot train {crossing.value}: it cuts the trained module's only "
            f"path to its loss, which runs through the protected one; stops that train there: "
            f"{trains}",
            StopWarning,
            stacklevel=2,
        )
    return classes


def stop_names(crossing: Crossing, *effects: Effect) -> list[str]:
    """Return the names of the stops that have one of `effects` at `crossing`."""
    return [name for name, cls in STOPS.items() if cls.effect[crossing] in effects]


def _parse(expression: str, setting: str) -> list[type[Stop]]:
    names = [name.strip() for name in expression.split("+")]
    for name in names:
        if name not in STOPS:
            raise StopError(
                f"{setting}: {name!r} is not allowed{did_you_mean(name, STOPS)}; allowed: "
                f"{', '.join(STOPS)}, or several joined by '+'"
            )
    return [STOPS[name] for name in names]


def _conflict(classes: list[type[Stop]]) -> str:
    """Return why the stops exclude each other, and what is allowed; empty if they do not."""
    if len(set(classes)) < len(classes):
        return "it names a stop twice; allowed: each stop once"
    if len(classes) > 1 and Stop in classes:
        return "it joins 'none' to another stop; allowed: 'none' alone"
    owners = [name for name, cls in STOPS.items() if cls.owns_backward]
    if sum(cls.owns_backward for cls in classes) > 1:
        return f"two stops run the backward pass; allowed: one of {', '.join(owners)}"
    if ChainRule in classes and any(cls.cuts_values for cls in classes):
        cuts = ", ".join(name for name, cls in STOPS.items() if cls.cuts_values)
        return f"it cuts the path that 'chain_rule' needs; allowed: 'chain_rule' without {cuts}"
    return ""
