"""Checks of settings that depend on each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ddpg.config.fields import refusal
from ddpg.errors import ConfigError
from ddpg.stops import Crossing, StopError, check

if TYPE_CHECKING:
    from ddpg.config.settings import Config


def check_combinations(config: "Config") -> None:
    """Check the settings whose allowed values depend on other settings.

    Raises:
        ConfigError: two settings contradict each other.
    """
    _check_stops(config)
    _check_pairs(config)
    _check_names(config)


def _check_stops(config: "Config") -> None:
    for name, crossing in (("stop", Crossing.UPSTREAM), ("actor_stop", Crossing.DOWNSTREAM)):
        try:
            check(getattr(config, name), crossing, name)
        except StopError as error:
            raise ConfigError(str(error)) from error
    for name in ("manual_scale", "manual_every"):
        value = getattr(config, name)
        if isinstance(value, dict):
            _check_manual_modules(config, name, value)


def _check_manual_modules(config: "Config", name: str, value: Mapping[str, float]) -> None:
    protected = set()
    if "manual" in config.stop:
        protected |= {"critic_target", _BOOTSTRAP_NAMES[config.bootstrap_actor]}
    if "manual" in config.actor_stop:
        protected |= {"critic"}
    if set(value) != protected:
        allowed = (
            "a number, or one for each module that a stop 'manual' protects here, "
            f"{sorted(protected)}"
        )
        raise ConfigError(refusal(name, value, allowed))


def _check_pairs(config: "Config") -> None:
    if not config.hidden:
        raise ConfigError(refusal("hidden", config.hidden, "at least one layer"))
    if config.action_layer > len(config.hidden):
        layers = len(config.hidden)
        allowed = f"0 to {layers}, since hidden has {layers} layers"
        raise ConfigError(refusal("action_layer", config.action_layer, allowed))
    if config.n_step > config.random_steps:
        allowed = f"1 to {config.random_steps:,}, as random_steps"
        raise ConfigError(refusal("n_step", config.n_step, allowed))
    if config.stop_at_return is not None and not config.evaluation_every:
        context = " with evaluation_every 0"
        raise ConfigError(refusal("stop_at_return", config.stop_at_return, "null", context))
    if config.compile and config.optimizer != "adam":
        allowed = "optimizer 'adam', since torch.optim.SGD cannot be compiled with the update"
        context = f" with optimizer {config.optimizer!r}"
        raise ConfigError(refusal("compile", config.compile, allowed, context))
    if config.seed + config.members > 2**31:
        allowed, context = f"seed + members up to {2**31}", f" with {config.members} members"
        raise ConfigError(refusal("seed", config.seed, allowed, context))
    if config.resume and config.name is None:
        raise ConfigError(
            refusal("resume", config.resume, "with the name of a run", " without a name")
        )


def _check_names(config: "Config") -> None:
    if config.name is not None and not _is_folder_name(config.name):
        allowed = (
            "the name of one folder, without separators and control characters, of up to "
            f"{_LONGEST_NAME} bytes"
        )
        raise ConfigError(refusal("name", config.name, allowed))
    for name, value in (("env", config.env_name), ("runs", config.runs)):
        if not (value and value.isprintable()):
            allowed = "text that is not empty, without control characters"
            raise ConfigError(refusal(name, value, allowed))


def _is_folder_name(name: str) -> bool:
    """Return whether `name` names one folder inside another, on every system."""
    is_single = not set(name) & set("/\\") and name not in ("", ".", "..")
    # Printable first: other text may have no encoding.
    return name.isprintable() and is_single and len(name.encode()) <= _LONGEST_NAME


_LONGEST_NAME = 200
"""Bytes."""
_BOOTSTRAP_NAMES = {"target": "actor_target", "live": "actor"}
"""Value of `bootstrap_actor` -> name of the module."""
