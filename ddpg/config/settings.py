"""Every setting of a run, with its unit and its range: one dataclass, YAML in and out."""

import dataclasses
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, ValidationError, create_model

from ddpg.config.types import LARGEST_WHOLE, VALIDATED, WIDEST_LAYER
from ddpg.config.yaml_file import read_settings, settings_text
from ddpg.errors import ConfigError, did_you_mean
from ddpg.stops import Crossing, StopError, check


def _setting(default: Any, text: str, unit: str = "", **limits: float) -> Any:
    """A field with its description, its unit, and its limits (`ge`, `gt`, `le`, `lt`)."""
    return dataclasses.field(
        default_factory=lambda: deepcopy(default),
        metadata={"text": text, "unit": unit, "limits": limits},
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting of a run; `help_text` tells a setting's meaning, unit and range.

    Raises:
        ConfigError: a value is not allowed, or two settings contradict each other.
    """

    env: str = _setting("Pendulum-v1", "Gymnasium environment with a Box action space")
    env_options: dict[str, bool | int | float | str] = _setting(
        {}, "keyword arguments of the environment, {name: value}"
    )
    seed: int = _setting(0, "seed of member 0; member k has seed + k", ge=0, lt=2**31)
    members: int = _setting(1, "independent agents trained side by side", "agents", ge=1, le=10_000)
    steps: int = _setting(20_000, "length of the run", "environment steps of one member", ge=1)

    stop: str = _setting("no_grad+optimizer", "stop of the critic update; + joins several")
    actor_stop: str = _setting("freeze+optimizer", "stop of the actor update; + joins several")
    manual_scale: float | dict[str, float] = _setting(
        0.0, "stop manual: factor on protected gradients, one number or {module: number}"
    )
    manual_every: int | dict[str, int] = _setting(
        1, "stop manual: period of the update that lets them through; 1: none", "updates"
    )
    bootstrap_actor: Literal["target", "live"] = _setting(
        "target", "the actor that chooses the action of the bootstrap"
    )

    gamma: float = _setting(0.98, "discount of the next step's value", ge=0, le=1)
    tau: float = _setting(0.005, "share of the online weights in a Polyak step", gt=0, le=1)
    batch_size: int = _setting(
        64, "batch of one update", "transitions of one member", ge=1, le=2**20
    )
    hidden: tuple[int, ...] = _setting((64, 64), "width of each hidden layer", "units")
    action_layer: int = _setting(0, "layer of the critic that the action enters, from 0", ge=0)
    final_bound: float | None = _setting(
        None, "half-width of the last layers' initial weights; null: 1/sqrt(inputs)", gt=0
    )
    optimizer: Literal["adam", "sgd"] = _setting(
        "adam", "optimizer of actor and critic; sgd: without momentum"
    )
    actor_learning_rate: float = _setting(5e-4, "optimizer's step size, actor", gt=0, le=1)
    critic_learning_rate: float = _setting(1e-3, "optimizer's step size, critic", gt=0, le=1)
    critic_weight_decay: float = _setting(0.0, "L2 penalty on the critic's weights", ge=0, le=1)

    replay_capacity: int = _setting(
        200_000, "replay buffer; the oldest gives way", "transitions of one member", ge=1
    )
    random_steps: int = _setting(
        1_000, "uniformly random actions before the first update", "environment steps", ge=1
    )
    noise: Literal["gaussian", "ornstein_uhlenbeck"] = _setting(
        "gaussian", "exploration noise, added to the action, which is then clipped"
    )
    noise_sigma: float = _setting(
        0.1, "scale of the noise, or its start", "half-ranges of the action", ge=0
    )
    noise_sigma_final: float = _setting(
        0.1, "scale of the noise after noise_steps", "half-ranges of the action", ge=0
    )
    noise_steps: int = _setting(
        0, "length of the noise's linear schedule; 0: constant", "environment steps", ge=0
    )
    noise_theta: float = _setting(
        0.15, "Ornstein-Uhlenbeck: share of the noise that a step takes away", ge=0, le=1
    )

    evaluation_every: int = _setting(
        1_000, "period of evaluation while training; 0: none", "environment steps", ge=0
    )
    evaluation_episodes: int = _setting(5, "length of one such evaluation", "episodes", ge=1)
    log_every: int = _setting(
        500, "period of losses and values, each a mean over it", "environment steps", ge=1
    )
    separation_every: int = _setting(
        1_000, "period of the audit of where gradients went; 0: none", "updates", ge=0
    )
    tensorboard: bool = _setting(
        True, "write TensorBoard's files too; metrics.csv has the same figures in any case"
    )
    checkpoint_every: int = _setting(
        10_000,
        "period of checkpoints; 0: one at the start and one at the end",
        "environment steps",
        ge=0,
    )
    on_divergence: Literal["stop", "drop_member"] = _setting(
        "stop", "what a loss, gradient or value that is NaN or infinite does to the run"
    )
    environment_timeout: float = _setting(
        0.0,
        "longest wait for an environment's step, each then in a process of its own; 0: none",
        "seconds",
        ge=0,
    )

    device: str = _setting("cpu", "cpu, cuda, cuda:N, mps, or auto: the first of cuda, mps, cpu")
    threads: int = _setting(1, "threads of PyTorch on the CPU", "threads", ge=1, le=1024)
    compile: bool = _setting(
        False, "compile the update: some 20 s at first; small updates then take half the time"
    )
    matmul_precision: Literal["highest", "high", "medium"] = _setting(
        "highest", "PyTorch's precision of products; medium: faster with 256 units and more"
    )
    runs: str = _setting("runs", "folder of all runs")
    name: str | None = _setting(None, "name of this run; null: <env>-<stop>-<seed>")
    resume: bool = _setting(False, "go on with the run `name` from a checkpoint of its own")
    resume_from: Literal["newest", "previous"] = _setting(
        "newest", "which of its two checkpoints; previous: the newest is damaged"
    )

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in _FIELDS}
        try:
            validated = _Validated(**given)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise ConfigError(value_error(name, given[name])) from error
        for name in _FIELDS:
            object.__setattr__(self, name, getattr(validated, name))
        self._check_stops()
        self._check_pairs()

    def _check_stops(self) -> None:
        for name, crossing in (("stop", Crossing.UPSTREAM), ("actor_stop", Crossing.DOWNSTREAM)):
            try:
                check(getattr(self, name), crossing)
            except StopError as error:
                raise ConfigError(f"{name}: {error}") from error
        for name in ("manual_scale", "manual_every"):
            value = getattr(self, name)
            if isinstance(value, dict):
                self._check_manual_modules(name, value)

    def _check_manual_modules(self, name: str, value: Mapping[str, float]) -> None:
        protected = set()
        if "manual" in self.stop:
            protected |= {"critic_target", _BOOTSTRAP_NAMES[self.bootstrap_actor]}
        if "manual" in self.actor_stop:
            protected |= {"critic"}
        if set(value) != protected:
            raise ConfigError(
                f"{name} names {sorted(value)}; allowed: a number, or one for each module "
                f"that a stop 'manual' protects here, {sorted(protected)}"
            )

    def _check_pairs(self) -> None:
        if not self.hidden:
            raise ConfigError("hidden is (); allowed: at least one layer")
        if self.action_layer > len(self.hidden):
            raise ConfigError(
                f"action_layer is {self.action_layer}; allowed: 0 to {len(self.hidden)}, since "
                f"hidden has {len(self.hidden)} layers"
            )
        if self.compile and self.optimizer != "adam":
            raise ConfigError(
                f"compile is True with optimizer {self.optimizer!r}; allowed: optimizer 'adam', "
                "since the step of torch.optim.SGD cannot be part of a compiled graph"
            )
        if self.seed + self.members > 2**31:
            raise ConfigError(
                f"seed is {self.seed} with {self.members} members; allowed: seed + members up to "
                f"{2**31}"
            )
        if self.resume and self.name is None:
            raise ConfigError("resume is true without a name; allowed: with the name of a run")
        if self.name is not None and not _names_a_folder(self.name):
            raise ConfigError(
                f"name is {_shortened(self.name)}; allowed: the name of one folder, without "
                f"separators and control characters, of up to {_LONGEST_NAME} bytes"
            )
        for setting in ("env", "runs"):
            value = getattr(self, setting)
            if not (value and value.isprintable()):
                raise ConfigError(
                    f"{setting} is {_shortened(value)}; allowed: text that is not empty, without "
                    "control characters"
                )

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """A config from plain values, as YAML holds them.

        Raises:
            ConfigError: also when a setting does not exist.
        """
        for name in settings:
            if name not in _FIELDS:
                raise ConfigError(unknown_setting(str(name)))
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as YAML holds them."""
        return {**dataclasses.asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def load(cls, path: Path, env: str | None = None) -> Self:
        """Read a YAML file.

        Args:
            path: the file.
            env: the environment that the caller names himself. A file's `module:id`, which
                imports that module, is taken only if it is this one.

        Raises:
            ConfigError: it is not a YAML mapping of settings, or would import a module.
        """
        config = cls.from_dict(read_settings(path))
        if ":" in config.env and config.env != env:
            raise ConfigError(module_in_a_file(path, config.env))
        return config

    def to_yaml(self) -> str:
        """All settings as a YAML text."""
        return settings_text(self.to_dict())


def help_text(name: str) -> str:
    """A setting's meaning, unit and range, for `--help`."""
    metadata = _FIELDS[name].metadata
    unit = f", in {metadata['unit']}" if metadata["unit"] else ""
    return f"{metadata['text']}{unit}; allowed: {_allowed(name)}"


def value_error(name: str, value: object) -> str:
    """The sentence that refuses `value` for the setting `name`."""
    return f"{name} is {_shortened(value)}; allowed: {_allowed(name)}"


def unknown_setting(name: str) -> str:
    """The sentence that refuses a setting that does not exist."""
    hint = did_you_mean(name, _FIELDS)
    return f"there is no setting {_shortened(name)}{hint}; allowed: {', '.join(_FIELDS)}"


def module_in_a_file(path: Path, env: str) -> str:
    """The sentence that refuses the `module:id` that a file names as `env`."""
    return (
        f"{path} has the env {_shortened(env)}, which imports a module; allowed: module:id from "
        f"the command line alone, as --env {_shortened(env)}"
    )


def _shortened(value: object) -> str:
    """Short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:80]} … ({len(text):,} characters)"


def _names_a_folder(name: str) -> bool:
    """Whether `name` is that of a folder inside another one, on every system."""
    one = not set(name) & set("/\\") and name not in ("", ".", "..")
    # First of all: what cannot be printed may not be encoded either.
    return name.isprintable() and one and len(name.encode()) <= _LONGEST_NAME


def _allowed(name: str) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = _limits(name)
    words = _type_words(_HINTS[name])
    return " ".join([words, " and ".join(f"{signs[k]} {v:,}" for k, v in limits.items())]).strip()


def _limits(name: str) -> dict[str, Any]:
    """The setting's own; a whole number that has no upper one gets that of all."""
    own = _FIELDS[name].metadata["limits"]
    bounded = _HINTS[name] is not int or "le" in own or "lt" in own
    return own if bounded else {**own, "le": LARGEST_WHOLE}


def _type_words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(get_args(hint))
    return {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        float | None: "null, or a number",
        str | None: "null, or text",
        float | dict[str, float]: "a number, or {module: number}",
        int | dict[str, int]: "a whole number ≥ 1, or {module: such a number}",
        dict[str, bool | int | float | str]: "{name: true or false, number, or text}",
        tuple[int, ...]: f"a list of whole numbers ≥ 1 and ≤ {WIDEST_LAYER:,}",
    }[hint]


_LONGEST_NAME = 200
_BOOTSTRAP_NAMES = {"target": "actor_target", "live": "actor"}
_FIELDS = {field.name: field for field in dataclasses.fields(Config)}
_HINTS = get_type_hints(Config, include_extras=True)
_VALIDATED_FIELDS: dict[str, Any] = {
    name: (VALIDATED.get(_HINTS[name], _HINTS[name]), Field(**_limits(name))) for name in _FIELDS
}
_Validated = create_model(
    "_Validated", __config__=ConfigDict(allow_inf_nan=False, strict=True), **_VALIDATED_FIELDS
)
