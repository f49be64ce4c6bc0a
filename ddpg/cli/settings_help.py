"""Texts of `train.py --help` about settings: groups, values, defaults, and one line per stop."""

from typing import Any, Literal, get_origin

import yaml

from ddpg.config.fields import Setting
from ddpg.config.types import LARGEST_INTEGER, EnvironmentSource
from ddpg.stops import STOPS, Crossing, Effect, stop_names

GROUPS = {
    "env": "task",
    "stop": "gradient stops",
    "gamma": "algorithm",
    "initial": "replay and exploration",
    "evaluation_every": "evaluation, log and checkpoints",
    "device": "machine",
    "runs": "folder of the run",
}
"""First setting of each group, in the order of the config -> title."""
_METAVARS: dict[Any, str] = {
    int: "N",
    float: "X",
    float | None: "X",
    float | Literal["auto"]: "X|auto",
    float | dict[str, float]: "X",
    int | dict[str, int]: "N",
    tuple[int, ...]: "[N,...]",
    tuple[str, ...]: "[NAME,...]",
    bool: "true|false",
}
"""Type of a setting -> its value in the help; the setting's own name for others."""


def metavar(setting: Setting) -> str | None:
    """Return the value of a setting in the help; None where the parser lists the choices."""
    if get_origin(setting.type) is Literal:
        return None
    if get_origin(setting.type) is dict:
        return "{NAME:VALUE}"
    return _METAVARS.get(setting.type, setting.name.upper())


def help_text(setting: Setting, default: object) -> str:
    """Return meaning, unit, range and default of a setting."""
    # The value in front of the text shows switches and choices, and names text.
    is_plain = (
        setting.type in (str, str | None, bool, EnvironmentSource)
        or get_origin(setting.type) is Literal
    )
    rule = setting.allowed.replace(f" and ≤ {LARGEST_INTEGER:,}", "")
    value = list(default) if isinstance(default, tuple) else default
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
    return f"{setting.meaning}{'' if is_plain else f'; allowed: {rule}'} (default: {text})"


def stops_help() -> str:
    """Return one line per stop, and the stops that work at each crossing."""
    lines = [f"  {name:<11} {stop.summary}" for name, stop in STOPS.items()]
    upstream, downstream = (
        ", ".join(stop_names(crossing, Effect.PROTECTS))
        for crossing in (Crossing.UPSTREAM, Crossing.DOWNSTREAM)
    )
    return "\n".join(
        [
            "A stop keeps a loss away from the networks that it must not train. + joins several.",
            *lines,
            "",
            f"Stops that protect and train in the critic update: {upstream}.",
            "",
            f"In the actor update: {downstream}.",
        ]
    )
